import { BoundedMap } from '@provider-access/kernel';
import { dateRange } from '@provider-access/kernel/fhir';
import { DAY_MS, TimeZone } from './time-zone.ts';

const HOUR_MS = 3_600_000;
/** No clock of the world is further ahead of UTC, or further behind it (since 1900). */
const AHEAD_MS = 14 * HOUR_MS;
const BEHIND_MS = 12 * HOUR_MS;
/** Offsets of earlier years are of no zone but of a town. Such a day is long over everywhere. */
const FIRST_ZONED_DAY = Date.UTC(1900, 0, 1) / DAY_MS;
/** Of the days that are remembered. */
const MOST_DAYS = 4096;
/** The year by which payers' systems mean that there is no end. */
const NO_END = '9999';

/** Instants at which a day begins, ms since the epoch: in the zone where it begins first, and where it begins last. */
interface Beginning {
  readonly first: number;
  readonly last: number;
}

/**
 * What the dates of a payer mean. A payer writes a day and does not say where it begins. So what takes access away
 * begins in the time zone where the day begins first, and what gives access in the one where it begins last
 * (docs/opt-outs.md, ADR 0028). Without time zones these are UTC+14 and UTC-12. A value with a time of day is an
 * instant, and means itself.
 *
 * Values are FHIR dates (`2026`, `2026-07`, `2026-07-01`) or instants that exist; results are ms since the epoch.
 */
export class PayerDays {
  private readonly zones: readonly TimeZone[];
  private readonly known = new BoundedMap<number, Beginning>(MOST_DAYS);

  /** `zones` are IANA names. @throws RangeError for an unknown one */
  constructor(zones: readonly string[] = []) {
    this.zones = zones.map((name) => new TimeZone(name));
  }

  /** When something that takes access away from this date on takes effect. */
  restrictsFrom(value: string): number {
    const { start } = rangeOf(value);
    return isInstant(value) ? start : this.beginning(start / DAY_MS).first;
  }
  /** When something that gives access from this date on takes effect. */
  permitsFrom(value: string): number {
    const { start } = rangeOf(value);
    return isInstant(value) ? start : this.beginning(start / DAY_MS).last;
  }
  /**
   * When something that gives access until this date ends. A day, month or year is inclusive: it is over where the
   * next one begins first. undefined for a date in the year 9999, by which payers mean that there is no end.
   */
  permitsUntil(value: string): number | undefined {
    const { start, end } = rangeOf(value);
    if (value.startsWith(NO_END)) return undefined;
    return isInstant(value) ? start : this.beginning(end / DAY_MS).first;
  }
  /**
   * When something that takes access away until this date ends. A day, month or year is inclusive: it is over where the
   * next one begins last. An instant is inclusive as far as it is written.
   */
  restrictsUntil(value: string): number {
    const { end } = rangeOf(value);
    return isInstant(value) ? end : this.beginning(end / DAY_MS).last;
  }
  /** `day` counts from 1970-01-01. */
  private beginning(day: number): Beginning {
    const midnight = day * DAY_MS;
    if (this.zones.length === 0 || day < FIRST_ZONED_DAY)
      return { first: midnight - AHEAD_MS, last: midnight + BEHIND_MS };
    let known = this.known.get(day);
    if (known === undefined) {
      const all = this.zones.map((zone) => zone.firstInstant(day));
      this.known.set(day, (known = { first: Math.min(...all), last: Math.max(...all) }));
    }
    return known;
  }
}

const isInstant = (value: string): boolean => value.includes('T');

/** @throws RangeError for what is no date */
function rangeOf(value: string): { readonly start: number; readonly end: number } {
  const range = dateRange(value);
  if (range === undefined) throw new RangeError('not a date');
  return range;
}
