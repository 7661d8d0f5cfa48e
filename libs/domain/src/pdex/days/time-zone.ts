import { BoundedMap } from '@provider-access/kernel';

export const DAY_MS = 86_400_000;

/** Whether the runtime knows an IANA time zone of this name. An offset such as `+02:00` is not a name. */
export const isTimeZone = (name: string): boolean => {
  try {
    return /^[A-Za-z]/.test(name) && new Intl.DateTimeFormat('en', { timeZone: name }).format(0) !== '';
  } catch {
    return false;
  }
};

/** Offsets that a time zone keeps: thirty years. A sender chooses the days of events. */
const MOST_DAYS = 30 * 366;

/**
 * Local time of one IANA time zone, from the runtime's data. Instants are ms since the epoch. A local day is the number
 * of days since 1970-01-01. Correct for the years 100 to 9999.
 */
export class TimeZone {
  readonly #format: Intl.DateTimeFormat;
  /**
   * ms from UTC to local time, by UTC day; NaN for a day with a change of the clocks. Equal offsets at both ends of a
   * day mean no change, because no zone of the time zone data changes its clocks twice on one UTC day.
   */
  readonly #offsets = new BoundedMap<number, number>(MOST_DAYS);

  /** @throws RangeError for an unknown time zone */
  constructor(name: string) {
    this.#format = new Intl.DateTimeFormat('en-US', {
      timeZone: name,
      hourCycle: 'h23',
      year: 'numeric',
      month: 'numeric',
      day: 'numeric',
      hour: 'numeric',
      minute: 'numeric',
      second: 'numeric',
    });
  }

  /** The local time, as the ms since the epoch of a UTC time that looks the same. */
  local(at: number): number {
    const day = Math.floor(at / DAY_MS);
    let offset = this.#offsets.get(day);
    if (offset === undefined) {
      const [begin, end] = [day * DAY_MS, (day + 1) * DAY_MS].map((limit) => this.#formatted(limit) - limit);
      offset = begin === end ? begin! : Number.NaN;
      this.#offsets.set(day, offset);
    }
    return Number.isNaN(offset) ? this.#formatted(at) : at + offset;
  }
  /** As `local`, but asks the runtime each time. The format takes nearly all of the time of `local`. */
  #formatted(at: number): number {
    const part: Record<string, number> = {};
    for (const { type, value } of this.#format.formatToParts(at)) part[type] = Number(value);
    return (
      Date.UTC(part['year']!, part['month']! - 1, part['day'], part['hour'], part['minute'], part['second']) +
      (((at % 1000) + 1000) % 1000)
    );
  }
  dayOf(at: number): number {
    return Math.floor(this.local(at) / DAY_MS);
  }
  /**
   * First instant of a day at which local clocks show this time (ms since midnight) or a later one. A time that a
   * change of the clocks skips is the instant of the change. A day that the zone skips begins with the next day.
   */
  firstInstant(day: number, timeOfDay = 0): number {
    const wanted = day * DAY_MS + timeOfDay;
    const offsets = [wanted - DAY_MS, wanted + DAY_MS].map((at) => this.local(at) - at);
    const candidates = offsets.map((offset) => wanted - offset).toSorted((a, b) => a - b);
    for (const at of candidates) if (this.local(at) === wanted) return at;
    let [low, high] = [candidates[0]! - 1, candidates[1]!];
    while (high - low > 1) {
      const middle = Math.floor((low + high) / 2);
      if (this.local(middle) >= wanted) high = middle;
      else low = middle;
    }
    return high;
  }
}
