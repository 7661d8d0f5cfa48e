import { flat } from './flat.ts';
/** Times are milliseconds UTC; strings only where a resource or event needs them. */
export const HOUR = 3_600_000;
export const DAY = 24 * HOUR;
export const YEAR = 365.25 * DAY;
/** The platform does not owe care before this date (docs/regulation.md#who-may-see-what). */
export const FLOOR = Date.UTC(2016, 0, 1);

const QUARTER = HOUR / 4;
/** `Thh:mm:ss` of each quarter of an hour of a day. Most times of the stories are such quarters. */
const CLOCK = Array.from({ length: DAY / QUARTER }, (_, i) => new Date(i * QUARTER).toISOString().slice(10, 19));
/** Texts of days by their number since 1970. Bounded by the days of a story, which are those of a long life. */
const days = new Map<number, string>();
const MOST_DAYS = 50_000;

/** `YYYY-MM-DD`. */
export function dateOf(ms: number): string {
  // A part of a millisecond counts for nothing, before 1970 too.
  const day = Math.floor(Math.trunc(ms) / DAY);
  const known = days.get(day);
  if (known !== undefined) return known;
  const text = new Date(day * DAY).toISOString().slice(0, 10);
  if (days.size < MOST_DAYS) days.set(day, text);
  return text;
}
const clockOf = (ms: number): string | undefined => CLOCK[(ms - Math.floor(ms / DAY) * DAY) / QUARTER];
/** `YYYY-MM-DDThh:mm:ss.sssZ`. */
export function instantOf(ms: number): string {
  const clock = clockOf(ms);
  return clock === undefined ? new Date(ms).toISOString() : flat(dateOf(ms), clock, '.000Z');
}
/** `YYYY-MM-DDThh:mm:ssZ`. */
export function secondOf(ms: number): string {
  const clock = clockOf(ms);
  return clock === undefined ? flat(new Date(ms).toISOString().slice(0, 19), 'Z') : flat(dateOf(ms), clock, 'Z');
}
export const dayStart = (ms: number): number => ms - (((ms % DAY) + DAY) % DAY);
