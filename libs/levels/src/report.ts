import { type BusinessDays, type Objective, OBJECTIVES } from '@provider-access/events';
import {
  added,
  type BusinessCalendar,
  deadlineOf,
  durationsOf,
  EMPTY_TALLY,
  type ObjectiveReport,
  type ServiceLevelReport,
  type Tally,
  targetOf,
  usedShareOf,
} from '@provider-access/domain/pdex/service-levels';
import type { ViewReader } from '@provider-access/engines/views';
import { type DeadLetterPart, type OpenPart, PROBE_ID, type ProbePart, type TallyPart } from './projection.ts';

/** Requests that are not done: an export, or the claims of one batch. */
export interface Open {
  readonly objective: Objective;
  readonly count: number;
  /** Start of the oldest request, ms since the epoch. */
  readonly start: number;
  /** `accepted`: not visible yet. `parked`: in a dead letter. `unread`: in the log, and intake has not read it. */
  readonly where: 'running' | 'accepted' | 'parked' | 'unread';
  readonly job?: string;
}

const MAX_LISTED = 1000;
const EXPORT = 'export/';
const jobOf = (scope: string): string | undefined =>
  scope.startsWith(EXPORT) ? scope.slice(EXPORT.length) : undefined;
export const exportScope = (job: string): string => `${EXPORT}${job}`;

/** Requests in the view that have no measurement yet: a document for each partition, and for each export that runs. */
export async function startedOf(reader: ViewReader): Promise<readonly Open[]> {
  const open: Open[] = [];
  for await (const document of reader.scan({ index: 'by_state', equals: ['open'] })) {
    const { scope, batches } = document['level'] as OpenPart;
    const job = jobOf(scope);
    for (const { starts } of batches) {
      for (const [objective, { count, oldest }] of Object.entries(starts))
        open.push({
          objective: objective as Objective,
          count,
          start: oldest,
          where: job === undefined ? 'accepted' : 'running',
          ...(job !== undefined && { job }),
        });
    }
  }
  return open;
}
/** The same, and dead letters. */
export async function openOf(reader: ViewReader): Promise<readonly Open[]> {
  const open = [...(await startedOf(reader))];
  for await (const document of reader.scan({ index: 'by_parked', equals: ['open'] })) {
    const { objective, start } = document['parked'] as DeadLetterPart;
    open.push({ objective, count: 1, start, where: 'parked' });
  }
  return open;
}

/** The last run that the probe reported. */
export const probeOf = async (reader: ViewReader): Promise<ProbePart | undefined> =>
  (await reader.get(PROBE_ID))?.['level'] as ProbePart | undefined;

const countOf = (open: readonly Open[]): number => open.reduce((n, { count }) => n + count, 0);
/** There is one for each dead letter, so there may be more than a call may have arguments. */
const oldestOf = (open: readonly Open[]): number =>
  open.reduce((oldest, { start }) => Math.min(oldest, start), Infinity);

/** Counts and ages of open requests by objective, for the gauges. @param now ms */
export function pendingOf(
  open: readonly Open[],
  now: number,
  calendar: BusinessCalendar,
): readonly { readonly objective: Objective; readonly count: number; readonly usedShare: number }[] {
  return OBJECTIVES.map((objective) => {
    const own = open.filter((o) => o.objective === objective);
    return {
      objective,
      count: countOf(own),
      usedShare: own.length === 0 ? 0 : usedShareOf(objective, oldestOf(own), now, calendar),
    };
  });
}

/** The period has ISO dates in the payer's time zone. `open` has the requests that are open at `now` (ms). */
export async function serviceLevelReport(
  reader: ViewReader,
  period: { readonly from: string; readonly to: string },
  open: readonly Open[],
  now: number,
  calendar: BusinessCalendar,
): Promise<ServiceLevelReport> {
  const measuredWith = new Map<string, BusinessDays>();
  const objectives: ObjectiveReport[] = [];
  for (const objective of OBJECTIVES) {
    let tally: Tally = EMPTY_TALLY;
    const exports: string[] = [];
    for await (const document of reader.scan({
      index: 'by_day',
      equals: [objective],
      range: { gte: period.from, lte: period.to },
    })) {
      const part = document['level'] as TallyPart;
      tally = added(tally, part);
      for (const c of part.calendars) join(measuredWith, c);
      const job = jobOf(part.scope);
      if (job !== undefined && part.missed > 0 && exports.length < MAX_LISTED) exports.push(job);
    }
    const own = open.filter((o) => o.objective === objective && calendar.dayOf(o.start) <= period.to);
    const late = own.filter(
      (o) => calendar.dayOf(o.start) >= period.from && deadlineOf(objective, o.start, calendar) < now,
    );
    const overdue = countOf(late);
    exports.push(...late.flatMap((o) => o.job ?? []).slice(0, MAX_LISTED - exports.length));
    const { met, missed } = tally;
    const all = met + missed + overdue;
    objectives.push({
      objective,
      target: targetOf(objective),
      met,
      missed,
      overdue,
      ...(all > 0 && { share: met / all }),
      ...durationsOf(tally),
      open: { count: countOf(own), ...(own.length > 0 && oldestFor(objective, oldestOf(own), now, calendar)) },
      ...(objective === 'answered' && { exports }),
    });
  }
  const { timeZone, days, holidays } = calendar.rules;
  return {
    ...period,
    at: new Date(now).toISOString(),
    calendar: { timeZone, days: [...days], holidays: [...holidays].toSorted() },
    measuredWith: [...measuredWith.values()],
    objectives,
  };
}

/** What a report says of the oldest open request. */
const oldestFor = (objective: Objective, start: number, now: number, calendar: BusinessCalendar) => ({
  oldest: new Date(start).toISOString(),
  deadline: new Date(deadlineOf(objective, start, calendar)).toISOString(),
  usedShare: usedShareOf(objective, start, now, calendar),
});

/** Merges calendars with the same time zone and business days, and joins their holidays. */
function join(all: Map<string, BusinessDays>, { timeZone, days, holidays }: BusinessDays): void {
  const key = `${timeZone} ${days.join()}`;
  const before = all.get(key);
  all.set(key, { timeZone, days, holidays: [...new Set([...(before?.holidays ?? []), ...holidays])].toSorted() });
}
