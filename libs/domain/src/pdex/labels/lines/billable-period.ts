import { isObject } from '@provider-access/fhir';
import type { Source } from '../drugs.ts';

const DAY = /^\d{4}-\d{2}-\d{2}/;
const dayOf = (date: unknown): string | undefined => (typeof date === 'string' ? DAY.exec(date)?.[0] : undefined);
function servedOn(item: Source, end: 'start' | 'end'): string | undefined {
  const { servicedDate: date, servicedPeriod: period } = item;
  return dayOf(date) ?? dayOf(isObject(period) ? period[end] : undefined);
}

/**
 * Narrows `billablePeriod` to the days of the kept lines, where only a removed line reached its start or its end. A day
 * that no line has is of the claim as a whole, and stays.
 */
export function narrowed(rest: Record<string, unknown>, kept: readonly Source[], gone: readonly Source[]): void {
  const { billablePeriod: period } = rest;
  if (!isObject(period)) return;
  const left: Record<string, unknown> = { ...period };
  for (const end of ['start', 'end'] as const) {
    const day = dayOf(period[end]);
    const days = kept.map((item) => servedOn(item, end));
    const isTheirs = day !== undefined && gone.some((item) => servedOn(item, end) === day);
    if (!isTheirs || days.includes(day) || days.length === 0 || !days.every((each) => each !== undefined)) continue;
    left[end] = days.toSorted().at(end === 'start' ? 0 : -1);
  }
  rest['billablePeriod'] = left;
}
