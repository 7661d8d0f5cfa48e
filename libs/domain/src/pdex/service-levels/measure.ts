import type { Objective, ServiceLevelMeasured, ServiceLevelStarted } from '@provider-access/events';
import type { BusinessCalendar } from './business-calendar.ts';
import { measureFeeds } from './freshness.ts';

/**
 * An opt-out must be effective a second after its acceptance. Everything else has one business day
 * (docs/service-levels.md).
 */
const OPT_OUT_MS = 1_000;

/** What each objective asks for, for people. */
export const targetOf = (objective: Objective): string =>
  objective === 'opt-out-effective' ? '1 s' : '1 business day';

/** The last instant at which a level is met, ms since the epoch. */
export const deadlineOf = (objective: Objective, start: number, calendar: BusinessCalendar): number =>
  objective === 'opt-out-effective' ? start + OPT_OUT_MS : calendar.deadline(start);
/** Share of the time that a request has used: 1 at the deadline. */
export const usedShareOf = (objective: Objective, start: number, now: number, calendar: BusinessCalendar): number =>
  objective === 'opt-out-effective' ? Math.max(0, now - start) / OPT_OUT_MS : calendar.usedShare(start, now);

/**
 * The results of requests that started together and ended at one instant (ms). `met` overrides the clock, because a
 * failed export misses its level at any time.
 */
export function measure(
  started: ServiceLevelStarted,
  end: number,
  calendar: BusinessCalendar,
  met?: boolean,
): ServiceLevelMeasured {
  const days = new Map<string, { objective: Objective; day: string; items: [number, number, 0 | 1][] }>();
  let first = end;
  for (const { objective, offset, at } of started.starts) {
    const day = calendar.dayOf(at);
    const key = `${objective} ${day}`;
    let entry = days.get(key);
    if (entry === undefined) days.set(key, (entry = { objective, day, items: [] }));
    entry.items.push([offset, Math.max(0, end - at), (met ?? end <= deadlineOf(objective, at, calendar)) ? 1 : 0]);
    first = Math.min(first, at);
  }
  const { timeZone, days: weekdays } = calendar.rules;
  return {
    scope: started.scope,
    from: started.from,
    next: started.next,
    endedAt: new Date(end).toISOString(),
    calendar: { timeZone, days: [...weekdays], holidays: [...calendar.holidaysBetween(first, end)] },
    days: [...days.values()],
    ...(started.feeds !== undefined && { feeds: measureFeeds(started.feeds, end, calendar) }),
  };
}

/** Counts of durations: how many met or missed their level, and their distribution. */
export interface Tally {
  readonly met: number;
  readonly missed: number;
  /** Count by bucket. Each bound is 2^(1/8) times the one before, so a quantile is at most 9 % too high. */
  readonly buckets: Readonly<Record<string, number>>;
  /** The longest, ms. */
  readonly worst: number;
}
export const EMPTY_TALLY: Tally = { met: 0, missed: 0, buckets: {}, worst: 0 };
const PER_DOUBLING = 8;
/** The upper bound of bucket 0 is 1 ms. */
const bucketOf = (ms: number): number => (ms <= 1 ? 0 : Math.ceil(Math.log2(ms) * PER_DOUBLING - 1e-9));
const boundOf = (bucket: number): number => 2 ** (bucket / PER_DOUBLING);

/** Items are durations, whether each met its level, and how many took as long (one if it is absent). */
export function tallied(
  tally: Tally,
  items: readonly (readonly [ms: number, met: boolean, count?: number | undefined])[],
): Tally {
  let { met, missed, worst } = tally;
  const buckets: Record<string, number> = { ...tally.buckets };
  for (const [ms, good, count = 1] of items) {
    if (good) met += count;
    else missed += count;
    worst = Math.max(worst, ms);
    const bucket = bucketOf(ms);
    buckets[bucket] = (buckets[bucket] ?? 0) + count;
  }
  return { met, missed, buckets, worst };
}
export function added(a: Tally, b: Tally): Tally {
  const buckets: Record<string, number> = { ...a.buckets };
  for (const [bucket, n] of Object.entries(b.buckets)) buckets[bucket] = (buckets[bucket] ?? 0) + n;
  return { met: a.met + b.met, missed: a.missed + b.missed, buckets, worst: Math.max(a.worst, b.worst) };
}
/**
 * The duration in ms that a share of all did not exceed: the upper bound of its bucket, at most `worst`. Undefined
 * without counts.
 */
export function quantile({ buckets, met, missed, worst }: Tally, share: number): number | undefined {
  const wanted = Math.max(1, Math.ceil((met + missed) * share));
  let seen = 0;
  for (const bucket of Object.keys(buckets)
    .map(Number)
    .toSorted((a, b) => a - b)) {
    seen += buckets[bucket]!;
    if (seen >= wanted) return Math.min(worst, Math.round(boundOf(bucket)));
  }
  return undefined;
}

/** The distribution of a tally, as reports have it. Nothing of a tally without counts. */
export const durationsOf = (tally: Tally) =>
  tally.met + tally.missed === 0
    ? {}
    : { p50Ms: quantile(tally, 0.5), p99Ms: quantile(tally, 0.99), worstMs: tally.worst };

/** The objective that measures when a resource becomes visible, for claims and prior authorizations. */
export function objectiveOf(resource: {
  readonly resourceType: string;
  readonly [element: string]: unknown;
}): Objective | undefined {
  if (resource.resourceType !== 'ExplanationOfBenefit') return undefined;
  if (resource['use'] === 'preauthorization') return 'prior-authorization-visible';
  return resource['use'] === 'claim' ? 'claims-visible' : undefined;
}
