/** The source of time, so that tests can set it. */
export interface Clock {
  /** ms since the epoch */
  now(): number;
  /** ms since the epoch, from a monotonic clock: the time at the start of the process plus the time since then. */
  steady?(): number;
}
/** RFC 3339 instant in UTC with milliseconds. */
export function instant(ms: number): string {
  if (ms === last.ms) return last.text;
  const known = before.ms === ms ? before : { ms, text: new Date(ms).toISOString() };
  before = last;
  last = known;
  return known.text;
}
/**
 * The last two instants are kept: requests of one millisecond write the same instant several times, and all events of a
 * batch have one beside their own.
 */
let last = { ms: 0, text: '1970-01-01T00:00:00.000Z' };
let before = last;
