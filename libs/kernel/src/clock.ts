/** Time comes from here, so that tests can set it. */
export interface Clock {
  /** ms since the epoch */
  now(): number;
  /**
   * ms since the epoch, by a clock that nobody sets: the time at the start of the process plus the time that has
   * passed. It never steps back.
   */
  steady?(): number;
}
/** RFC 3339 instant in UTC with milliseconds. */
export function instant(ms: number): string {
  if (ms !== last.ms) last = { ms, text: new Date(ms).toISOString() };
  return last.text;
}
/** Requests of one millisecond write the same instant several times. */
let last = { ms: 0, text: '1970-01-01T00:00:00.000Z' };
