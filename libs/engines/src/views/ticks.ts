/** The time until the next multiple of an interval, ms. So all views of a process wake it in the same turn. */
export const untilNext = (everyMs: number, now: number): number => Math.ceil(everyMs - (now % everyMs));
