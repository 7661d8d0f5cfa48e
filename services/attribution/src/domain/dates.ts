import { dateRange } from '@provider-access/fhir';

/**
 * Payer dates become instants: a day is a UTC day. A start is the first moment of its day, an end is inclusive and becomes
 * the first moment after its day; instants are taken as they are. Intervals inside are [from, to).
 */
export const startOf = (value: string): string => new Date(dateRange(value)!.start).toISOString();
/** Partial FHIR dates too: `2024` ends when 2025 begins. */
export function endOf(value: string): string {
  const range = dateRange(value)!;
  return new Date(value.includes('T') ? range.start : range.end).toISOString();
}
export const isDate = (value: unknown): value is string => typeof value === 'string' && dateRange(value) !== undefined;
export const instantOf = (value: string): string => new Date(Date.parse(value)).toISOString();
