import { isIsoDate } from '@provider-access/domain/pdex/service-levels';
import { Refusal } from '@provider-access/kernel';
import { z } from 'zod';

/** Clients ask for more days in parts. */
const MAX_DAYS = 400;
const DAY_MS = 86_400_000;

/** The schema of a query parameter that is a day, or absent. `what`: the kind of day, for the text of the refusal. */
export const dayOrNone = (name: string, what = 'day') => {
  const text = `${name} must be a ${what} such as 2026-11-30.`;
  return z.string(text).refine(isIsoDate, text).optional();
};

/**
 * The days of a report, both included.
 * @throws Refusal if the first day lies after the last one, or if there are too many days for one report
 */
export function daysOfReport(from: string, to: string): { readonly from: string; readonly to: string } {
  if (from > to) throw new Refusal('invalid-value', 'from must not lie after to.');
  if (Date.parse(to) - Date.parse(from) >= MAX_DAYS * DAY_MS)
    throw new Refusal('invalid-value', `At most ${MAX_DAYS} days are reported at once.`);
  return { from, to };
}
