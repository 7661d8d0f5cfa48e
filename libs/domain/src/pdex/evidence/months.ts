import { TimeZone } from '../days/index.ts';

const DAY_MS = 86_400_000;

/** A month of the payer. */
export interface Month {
  /** `2026-11` */
  readonly period: string;
  /** The first and the last day: `2026-11-01`. */
  readonly from: string;
  readonly to: string;
  /** The instants of its beginning and of its end, which is not part of it; ms since the epoch. */
  readonly begins: number;
  readonly ends: number;
}

export const isMonth = (text: string): boolean => /^\d{4}-(?:0[1-9]|1[0-2])$/.test(text) && text >= '2000';

/** The month of this name (`isMonth`) in an IANA time zone. */
export function monthOf(period: string, timeZone: string): Month {
  const [year, month] = period.split('-').map(Number) as [number, number];
  const [first, next] = [Date.UTC(year, month - 1, 1), Date.UTC(year, month, 1)];
  const zone = new TimeZone(timeZone);
  const day = (at: number): string => new Date(at).toISOString().slice(0, 10);
  return {
    period,
    from: day(first),
    to: day(next - DAY_MS),
    begins: zone.firstInstant(first / DAY_MS),
    ends: zone.firstInstant(next / DAY_MS),
  };
}
