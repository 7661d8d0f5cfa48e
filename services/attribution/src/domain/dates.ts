import type { PayerDays } from '@provider-access/domain/pdex/days';
import { dateRange, PRIMITIVE_CHECKS, toInstant } from '@provider-access/kernel/fhir';

/** From when until when something gives access, as RFC 3339 instants: [from, to). Without `to` there is no end. */
export interface Span {
  readonly from: string;
  readonly to?: string;
}

/**
 * What two dates of the payer mean for access. undefined when the last one lies before the first one. A span that is
 * over somewhere before it has begun everywhere gives no access; it still says that there is none afterwards, so it
 * keeps its end.
 */
export function spanOf(days: PayerDays, from: string, to?: string): Span | undefined {
  const start = days.permitsFrom(from);
  const end = to === undefined ? undefined : days.permitsUntil(to);
  if (end === undefined) return { from: toInstant(start) };
  if (lastMoment(to!) <= dateRange(from)!.start) return undefined;
  return { from: toInstant(Math.min(start, end)), to: toInstant(end) };
}
/** The end of what gives access, as an RFC 3339 instant; undefined when there is none. */
export function endOf(days: PayerDays, to: string): string | undefined {
  const end = days.permitsUntil(to);
  return end === undefined ? undefined : toInstant(end);
}

/** Both sides of the comparison read days as UTC days: only their order counts. */
const lastMoment = (to: string): number => dateRange(to)![to.includes('T') ? 'start' : 'end'];

/** A FHIR date or dateTime. R4 asks for a zone with a time of day, because nobody knows when a time without one is. */
export const isDate = (value: unknown): value is string => PRIMITIVE_CHECKS['dateTime']!(value);
export const instantOf = (value: string): string => toInstant(dateRange(value)!.start);
