/** Times are milliseconds UTC; strings only where a resource or event needs them. */
export const HOUR = 3_600_000;
export const DAY = 24 * HOUR;
export const YEAR = 365.25 * DAY;
/** The platform does not owe care before this date (docs/regulation.md#who-may-see-what). */
export const FLOOR = Date.UTC(2016, 0, 1);

/** `YYYY-MM-DD`. */
export const dateOf = (ms: number): string => new Date(ms).toISOString().slice(0, 10);
/** `YYYY-MM-DDThh:mm:ss.sssZ`. */
export const instantOf = (ms: number): string => new Date(ms).toISOString();
/** `YYYY-MM-DDThh:mm:ssZ`. */
export const secondOf = (ms: number): string => `${new Date(ms).toISOString().slice(0, 19)}Z`;
export const dayStart = (ms: number): number => ms - (((ms % DAY) + DAY) % DAY);
