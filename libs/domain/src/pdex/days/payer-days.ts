import { BoundedMap } from '@provider-access/kernel';
import { dateRange } from '@provider-access/fhir';
import { DAY_MS, TimeZone } from './time-zone.ts';

const HOUR_MS = 3_600_000;
/** Since 1900, no time zone has been further ahead of UTC or further behind it. */
const AHEAD_MS = 14 * HOUR_MS;
const BEHIND_MS = 12 * HOUR_MS;
/** Before this day, towns had offsets of their own. Such a day is over everywhere. */
const FIRST_ZONED_DAY = Date.UTC(1900, 0, 1) / DAY_MS;
/** Size of the cache of days. */
const MOST_DAYS = 4096;
/** Payers' systems write this year for "no end". */
const NO_END = '9999';

/** Instants at which a day begins, ms since the epoch, in the time zones where it begins first and last. */
interface Beginning {
  readonly first: number;
  readonly last: number;
}

/**
 * Converts the dates of a payer to instants. A payer writes a day without a time zone. So a restriction begins where
 * the day begins first, and a permission begins where the day begins last (docs/opt-outs.md, ADR 0028). Without
 * configured time zones these are UTC+14 and UTC-12. A value with a time of day is already an instant.
 *
 * Values are FHIR dates (`2026`, `2026-07`, `2026-07-01`) or instants that exist; results are ms since the epoch.
 */
export class PayerDays {
  readonly #zones: readonly TimeZone[];
  readonly #known = new BoundedMap<number, Beginning>(MOST_DAYS);

  /** `zones` are IANA names. @throws RangeError for an unknown name */
  constructor(zones: readonly string[] = []) {
    this.#zones = zones.map((name) => new TimeZone(name));
  }

  /** When a restriction from this date on takes effect. */
  restrictsFrom(value: string): number {
    const { start } = rangeOf(value);
    return isInstant(value) ? start : this.#beginning(start / DAY_MS).first;
  }
  /** When a permission from this date on takes effect. */
  permitsFrom(value: string): number {
    const { start } = rangeOf(value);
    return isInstant(value) ? start : this.#beginning(start / DAY_MS).last;
  }
  /**
   * When a permission until this date ends. A day, month or year is inclusive, so the permission ends where the next
   * one begins first. Undefined for a date in the year 9999, which means "no end".
   */
  permitsUntil(value: string): number | undefined {
    const { start, end } = rangeOf(value);
    if (value.startsWith(NO_END)) return undefined;
    return isInstant(value) ? start : this.#beginning(end / DAY_MS).first;
  }
  /**
   * When a restriction until this date ends. A day, month or year is inclusive, so the restriction ends where the next
   * one begins last. An instant is inclusive to its written precision.
   */
  restrictsUntil(value: string): number {
    const { end } = rangeOf(value);
    return isInstant(value) ? end : this.#beginning(end / DAY_MS).last;
  }
  /**
   * The days that an instant (ms since the epoch) is in the payer's time zones: the earliest and the latest one, as
   * `2026-07-01`. `permitsFrom` of a day and the first of these give the same day again.
   */
  daysAt(at: number): { readonly first: string; readonly last: string } {
    const day = Math.floor(at / DAY_MS);
    const all =
      this.#zones.length === 0 || day < FIRST_ZONED_DAY
        ? [Math.floor((at - BEHIND_MS) / DAY_MS), Math.floor((at + AHEAD_MS) / DAY_MS)]
        : this.#zones.map((zone) => zone.dayOf(at));
    const name = (of: number): string => new Date(of * DAY_MS).toISOString().slice(0, 10);
    return { first: name(Math.min(...all)), last: name(Math.max(...all)) };
  }
  /** `day` counts from 1970-01-01. */
  #beginning(day: number): Beginning {
    const midnight = day * DAY_MS;
    if (this.#zones.length === 0 || day < FIRST_ZONED_DAY)
      return { first: midnight - AHEAD_MS, last: midnight + BEHIND_MS };
    let known = this.#known.get(day);
    if (known === undefined) {
      const all = this.#zones.map((zone) => zone.firstInstant(day));
      this.#known.set(day, (known = { first: Math.min(...all), last: Math.max(...all) }));
    }
    return known;
  }
}

const isInstant = (value: string): boolean => value.includes('T');

/** @throws RangeError if the value is not a date */
function rangeOf(value: string): { readonly start: number; readonly end: number } {
  const range = dateRange(value);
  if (range === undefined) throw new RangeError('not a date');
  return range;
}
