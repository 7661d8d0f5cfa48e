/** A half-open interval in milliseconds UTC. */
export interface DateRange {
  readonly start: number;
  readonly end: number;
}

/** `Date.toISOString` writes later years with a sign and six digits, and such text sorts before all other instants. */
const LAST = Date.UTC(9999, 11, 31, 23, 59, 59, 999);
const MINUTE = 60_000;
const DAY = 24 * 60 * MINUTE;

/**
 * The interval of a FHIR date, dateTime or instant, or of a date in a search (seconds are optional there). A value
 * without a time zone is read as UTC. Undefined when the text is not a date or the calendar has no such day.
 */
export function dateRange(value: string): DateRange | undefined {
  const { length } = value;
  const year = twoDigits(value, 0) * 100 + twoDigits(value, 2);
  if (!(year > 0)) return undefined;
  if (length === 4) return { start: utc(year, 0, 1), end: utc(year + 1, 0, 1) };
  const month = value.charCodeAt(4) === HYPHEN ? twoDigits(value, 5) : Number.NaN;
  if (!(month >= 1 && month <= 12)) return undefined;
  if (length === 7)
    return { start: utc(year, month - 1, 1), end: month === 12 ? utc(year + 1, 0, 1) : utc(year, month, 1) };
  const day = value.charCodeAt(7) === HYPHEN ? twoDigits(value, 8) : Number.NaN;
  if (!(day >= 1 && day <= daysInMonth(year, month))) return undefined;
  const midnight = utc(year, month - 1, day);
  return length === 10 ? { start: midnight, end: midnight + DAY } : timeRange(value, midnight);
}

/** The time after the day: `Thh:mm`, seconds, fraction and zone. @param midnight the day, ms since the epoch */
function timeRange(value: string, midnight: number): DateRange | undefined {
  const hour = value.charCodeAt(10) === LETTER_T ? twoDigits(value, 11) : Number.NaN;
  const minute = value.charCodeAt(13) === COLON ? twoDigits(value, 14) : Number.NaN;
  if (!(hour <= 23 && minute <= 59)) return undefined;
  const hasSecond = value.charCodeAt(16) === COLON;
  const second = hasSecond ? twoDigits(value, 17) : 0;
  if (!(second <= 60)) return undefined;
  const from = hasSecond ? 19 : 16;
  const digits = value.charCodeAt(from) === DOT ? digitsAt(value, from + 1) : 0;
  const end = value.charCodeAt(from) === DOT ? from + 1 + digits : from;
  // A fraction belongs to seconds, and has a digit.
  if (end > from && (digits === 0 || !hasSecond)) return undefined;
  const offset = offsetMinutes(value, end);
  if (offset === undefined) return undefined;
  const start = midnight + hour * 60 * MINUTE + minute * MINUTE + second * 1000 - offset * MINUTE;
  if (!hasSecond) return { start, end: start + MINUTE };
  if (digits === 0) return { start, end: start + 1000 };
  const tens = (digits === 1 ? digitAt(value, 20) * 10 : twoDigits(value, 20)) * 10;
  const millis = digits < 3 ? tens : tens + digitAt(value, 22);
  return { start: start + millis, end: start + millis + (digits === 1 ? 100 : digits === 2 ? 10 : 1) };
}

const [HYPHEN, COLON, LETTER_T, LETTER_Z, PLUS, DOT] = [45, 58, 84, 90, 43, 46];
/** Number of digits from a place on. */
function digitsAt(text: string, from: number): number {
  let at = from;
  while (text.charCodeAt(at) >= 48 && text.charCodeAt(at) <= 57) at += 1;
  return at - from;
}
const digitAt = (text: string, at: number): number => text.charCodeAt(at) - 48;
/** The number of two digits at a place; NaN if there are others. */
function twoDigits(text: string, at: number): number {
  const tens = text.charCodeAt(at) - 48;
  const ones = text.charCodeAt(at + 1) - 48;
  return tens >= 0 && tens <= 9 && ones >= 0 && ones <= 9 ? tens * 10 + ones : Number.NaN;
}

/**
 * Whether a value is an RFC 3339 instant that exists: date, time with seconds below 60, and a zone of at most 14 hours.
 * `Date.parse` alone also accepts 30 February, 24:00 and any zone, and returns another instant for them.
 */
export const isInstant = (value: string): boolean => INSTANT.test(value) && dateRange(value) !== undefined;
const INSTANT = /^\d{4}-\d{2}-\d{2}T\d{2}:\d{2}:[0-5]\d(\.\d{1,9})?(Z|[+-]\d{2}:\d{2})$/;

/** Whether a value is a day (YYYY-MM-DD) or an instant that exists. */
export const isDayOrInstant = (value: string): boolean =>
  value.includes('T') ? isInstant(value) : DAY_PATTERN.test(value) && dateRange(value) !== undefined;
const DAY_PATTERN = /^\d{4}-\d{2}-\d{2}$/;

/** The zone from a place to the end of the text, in minutes; 0 without one. */
function offsetMinutes(text: string, from: number): number | undefined {
  const sign = text.charCodeAt(from);
  if (from === text.length || (sign === LETTER_Z && from + 1 === text.length)) return 0;
  if ((sign !== PLUS && sign !== HYPHEN) || from + 6 !== text.length || text.charCodeAt(from + 3) !== COLON)
    return undefined;
  const [hours, minutes] = [twoDigits(text, from + 1), twoDigits(text, from + 4)];
  if (!(hours <= 14 && minutes <= 59)) return undefined;
  return (sign === HYPHEN ? -1 : 1) * (hours * 60 + minutes);
}

/** The RFC 3339 instant in UTC, at most the end of the year 9999, because such instants sort as text. */
export const toInstant = (ms: number): string => new Date(Math.min(ms, LAST)).toISOString();

/** Days before each month of a year that begins with March. */
const DAYS_BEFORE = [306, 337, 0, 31, 61, 92, 122, 153, 184, 214, 245, 275];
/** Days from the first of March of the year 0 to the epoch. */
const EPOCH = 719_468;
/** As Date.UTC, which reads years below 100 as 19xx and is slower. */
function utc(year: number, monthIndex: number, day: number): number {
  const years = monthIndex < 2 ? year - 1 : year;
  const leaps = Math.floor(years / 4) - Math.floor(years / 100) + Math.floor(years / 400);
  return (365 * years + leaps + DAYS_BEFORE[monthIndex]! + day - 1 - EPOCH) * DAY;
}

function daysInMonth(year: number, month: number): number {
  if (month === 2) return year % 4 === 0 && (year % 100 !== 0 || year % 400 === 0) ? 29 : 28;
  return month === 4 || month === 6 || month === 9 || month === 11 ? 30 : 31;
}

export const DATE_PREFIXES = ['eq', 'ne', 'gt', 'ge', 'lt', 'le', 'sa', 'eb', 'ap'] as const;
export type DatePrefix = (typeof DATE_PREFIXES)[number];

/** `ap` accepts a range that overlaps the value's range, or the time of the same length before or after it. */
export const approximately = ({ start, end }: DateRange): DateRange => ({
  start: start - (end - start),
  end: end + (end - start),
});

/**
 * Whether `target` (the resource's range) satisfies `prefix value` by FHIR's range rules. For example, `eq` holds if
 * the value's range contains the target's. R4 leaves `ap` to the server.
 */
export function matchesDate(prefix: DatePrefix, value: DateRange, target: DateRange): boolean {
  const contains = value.start <= target.start && target.end <= value.end;
  switch (prefix) {
    case 'eq':
      return contains;
    case 'ne':
      return !contains;
    case 'gt':
      return target.end > value.end;
    case 'lt':
      return target.start < value.start;
    case 'ge':
      return contains || target.end > value.end;
    case 'le':
      return contains || target.start < value.start;
    case 'sa':
      return target.start >= value.end;
    case 'eb':
      return target.end <= value.start;
    case 'ap': {
      const { start, end } = approximately(value);
      return target.start < end && target.end > start;
    }
  }
}
