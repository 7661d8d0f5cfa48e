import type { PayerDays } from '@provider-access/domain/pdex/days';
import { dateRange, PRIMITIVE_CHECKS, toInstant } from '@provider-access/fhir';

/** The interval for which something gives access, as RFC 3339 instants: [from, to). Without `to` it has no end. */
export interface Span {
  readonly from: string;
  readonly to?: string;
}

/**
 * The meaning of two dates of the payer for access; undefined if the last one is before the first one. A span that ends
 * somewhere before it has begun everywhere gives no access. It still states that there is no access afterwards, so it
 * keeps its end.
 */
export function spanOf(days: PayerDays, from: string, to?: string): Span | undefined {
  const start = days.permitsFrom(from);
  const end = to === undefined ? undefined : days.permitsUntil(to);
  if (end === undefined) return { from: toInstant(start) };
  if (lastMoment(to!) <= dateRange(from)!.start) return undefined;
  return { from: toInstant(Math.min(start, end)), to: toInstant(end) };
}
/** The end of access as an RFC 3339 instant; undefined if there is none. */
export function endOf(days: PayerDays, to: string): string | undefined {
  const end = days.permitsUntil(to);
  return end === undefined ? undefined : toInstant(end);
}

/** The day of a date or an instant of the payer, `2026-07-01`: of an instant the earliest one in its time zones. */
export const dayIn = (days: PayerDays, value: string): string =>
  value.includes('T') ? days.daysAt(dateRange(value)!.start).first : value;

/** Both sides of the comparison read days as UTC days, because only their order matters. */
const lastMoment = (to: string): number => dateRange(to)![to.includes('T') ? 'start' : 'end'];

/** A FHIR date or dateTime. R4 requires a zone with a time of day, because otherwise the moment is unknown. */
export const isDate = (value: unknown): value is string => PRIMITIVE_CHECKS['dateTime']!(value);
export const instantOf = (value: string): string => toInstant(dateRange(value)!.start);
