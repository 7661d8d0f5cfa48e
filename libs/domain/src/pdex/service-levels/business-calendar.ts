import { BoundedMap } from '@provider-access/kernel';
import { DAY_MS, TimeZone } from '../days/index.ts';

/** Business days of a payer. Time zones come from the runtime. */

export const WEEKDAYS = ['sun', 'mon', 'tue', 'wed', 'thu', 'fri', 'sat'] as const;
export type Weekday = (typeof WEEKDAYS)[number];
export interface CalendarRules {
  /** IANA name, e.g. `America/New_York`. */
  readonly timeZone: string;
  readonly days: readonly Weekday[];
  /** ISO dates that are not business days, whatever their weekday. */
  readonly holidays: readonly string[];
}
/** Monday to Friday without holidays, which give the earliest deadlines. */
export const DEFAULT_RULES: CalendarRules = {
  timeZone: 'America/New_York',
  days: ['mon', 'tue', 'wed', 'thu', 'fri'],
  holidays: [],
};

/** Size of the cache of bounds of days. */
const REMEMBERED = 4096;
/** A year of holidays in a row is a mistake in the configuration, not a calendar. */
const LONGEST_PAUSE_DAYS = 400;

export const isIsoDate = (text: string): boolean =>
  /^\d{4}-\d{2}-\d{2}$/.test(text) && !Number.isNaN(Date.parse(text)) && new Date(text).toISOString().startsWith(text);

/** A local day as the number of days since 1970-01-01, from an ISO date and back. */
const numberOf = (date: string): number => Date.parse(date) / DAY_MS;
const dateOf = (day: number): string => new Date(day * DAY_MS).toISOString().slice(0, 10);

interface Bounds {
  readonly start: number;
  readonly end: number;
}

/**
 * One business day after an instant is the same local time on the next business day (docs/service-levels.md). After an
 * instant on another day, it is the end of the next business day. Instants are ms since the epoch, days are ISO dates
 * in the calendar's zone.
 */
export class BusinessCalendar {
  readonly rules: CalendarRules;
  readonly #zone: TimeZone;
  readonly #weekdays: ReadonlySet<number>;
  readonly #holidays: ReadonlySet<number>;
  readonly #bounds = new BoundedMap<number, Bounds>(REMEMBERED);
  #lastDay = 0;

  /** @throws RangeError for rules without a business day, or an unknown time zone */
  constructor(rules: CalendarRules = DEFAULT_RULES) {
    if (rules.days.length === 0) throw new RangeError('a calendar needs at least one business day a week');
    this.rules = rules;
    this.#zone = new TimeZone(rules.timeZone);
    this.#weekdays = new Set(rules.days.map((d) => WEEKDAYS.indexOf(d)));
    this.#holidays = new Set(rules.holidays.map(numberOf));
  }

  dayOf(at: number): string {
    return dateOf(this.#dayNumber(at));
  }
  /** When one business day after `start` has passed. Always later than `start`. */
  deadline(start: number): number {
    const day = this.#dayNumber(start);
    const next = this.#nextBusiness(day);
    const bounds = this.#boundsOf(next);
    if (!this.#isBusiness(day)) return bounds.end;
    const own = this.#boundsOf(day);
    const timeOfDay = isWhole(own) ? start - own.start : this.#zone.local(start) - day * DAY_MS;
    return isWhole(bounds) ? bounds.start + timeOfDay : this.#zone.firstInstant(next, timeOfDay);
  }
  /**
   * The share of its time that a request has used at `now`: 0 at `start`, 1 at the deadline. Only business days count,
   * nights included, so that a share has the same meaning on a Friday. After the deadline the share grows with the
   * clock.
   */
  usedShare(start: number, now: number): number {
    if (now <= start) return 0;
    const deadline = this.deadline(start);
    if (now > deadline) return 1 + (now - deadline) / (deadline - start);
    return this.#businessMs(start, now) / this.#businessMs(start, deadline);
  }
  /** Holidays between two instants. A measurement records them, because its result depends on them. */
  holidaysBetween(from: number, to: number): readonly string[] {
    const [first, last] = [this.#dayNumber(from), this.#dayNumber(to)];
    return this.rules.holidays.filter((h) => numberOf(h) >= first && numberOf(h) <= last).toSorted();
  }

  #isBusiness(day: number): boolean {
    return this.#weekdays.has((((day + 4) % 7) + 7) % 7) && !this.#holidays.has(day);
  }
  #nextBusiness(day: number): number {
    for (let next = day + 1; next <= day + LONGEST_PAUSE_DAYS; next++) if (this.#isBusiness(next)) return next;
    throw new RangeError(`no business day in the ${LONGEST_PAUSE_DAYS} days after ${dateOf(day)}`);
  }
  #businessMs(from: number, to: number): number {
    let sum = 0;
    for (let day = this.#dayNumber(from); ; day++) {
      const { start, end } = this.#boundsOf(day);
      if (start >= to) return sum;
      if (this.#isBusiness(day)) sum += Math.max(0, Math.min(end, to) - Math.max(start, from));
    }
  }
  #dayNumber(at: number): number {
    // Measurements come in order of time, so most fall on the same day as the one before.
    const known = this.#bounds.get(this.#lastDay);
    if (known === undefined || at < known.start || at >= known.end) this.#lastDay = this.#zone.dayOf(at);
    return this.#lastDay;
  }
  /** First instant of a day, and of the day after it. */
  #boundsOf(day: number): Bounds {
    let known = this.#bounds.get(day);
    if (known === undefined) {
      this.#bounds.set(day, (known = { start: this.#zone.firstInstant(day), end: this.#zone.firstInstant(day + 1) }));
    }
    return known;
  }
}

const isWhole = ({ start, end }: Bounds): boolean => end - start === DAY_MS;
