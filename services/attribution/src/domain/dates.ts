import { dateRange, toInstant } from '@provider-access/fhir';

/**
 * Payer dates become instants: a day is a UTC day. A start is the first moment of its day, an end is inclusive and becomes
 * the first moment after its day; instants are taken as they are. Intervals inside are [from, to).
 */
export const startOf = (value: string): string => toInstant(dateRange(value)!.start);
/** Partial FHIR dates too: `2024` ends when 2025 begins. undefined: an end in the year 9999, by which payers mean that there is none. */
export function endOf(value: string): string | undefined {
  if (value.startsWith('9999')) return undefined;
  const range = dateRange(value)!;
  return toInstant(value.includes('T') ? range.start : range.end);
}
export const isDate = (value: unknown): value is string => typeof value === 'string' && dateRange(value) !== undefined;
export const instantOf = (value: string): string => toInstant(dateRange(value)!.start);
