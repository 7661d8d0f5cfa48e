/** Time comes from here, so that tests can set it. */
export interface Clock {
  /** ms since the epoch */
  now(): number;
}
export const systemClock: Clock = { now: () => Date.now() };
/** RFC 3339 instant in UTC with milliseconds. */
export const instant = (ms: number): string => new Date(ms).toISOString();
