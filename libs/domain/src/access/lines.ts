import type { AttributionFact, CoverageFact, LinesFact, PartyFacts, PlanFact, PlanStart } from './facts.ts';

/**
 * Lines of business (PEOPLE.md N60 to N63, docs/lines-of-business.md). A table maps plans to lines with start dates.
 * Without a table all lines are started. Instants are ms since the epoch.
 */

const ms = (instant: string): number => Date.parse(instant);
const hasStarted = (start: PlanStart | undefined, now: number): boolean =>
  start?.from !== undefined && ms(start.from) <= now;

/** The table in force at an instant. Undefined if none was set until then. */
export const linesAt = (party: Pick<PartyFacts, 'lines'>, now: number): LinesFact | undefined =>
  party.lines().findLast(({ setAt }) => ms(setAt) <= now);

/** Whether the line of a plan has started by this table. A plan that the table does not name has not. */
const isPlanShared = (table: LinesFact, plan: string, now: number): boolean => hasStarted(table.plans.get(plan), now);

/** What the facts of a member say about coverage. */
interface Covered {
  readonly coverage: readonly CoverageFact[];
  readonly plans?: readonly PlanFact[];
}

/** The plans that a coverage has had until `now`. */
const plansOf = ({ plans = [] }: Covered, coverageId: string, now: number): readonly PlanFact[] =>
  plans.filter((plan) => plan.coverageId === coverageId && ms(plan.from) <= now);

/**
 * Whether what names this coverage may be shared. Each plan that the coverage has had until now must be of a started
 * line, because nothing tells to which of them a resource belongs. A coverage without a plan is not shared (N63).
 */
export function isCoverageShared(table: LinesFact | undefined, member: Covered, coverageId: string, now: number) {
  if (table === undefined) return true;
  const plans = plansOf(member, coverageId, now);
  return plans.length > 0 && plans.every(({ plan }) => isPlanShared(table, plan, now));
}

/**
 * When the lines of a coverage start: an instant, or `never` if one of them has no start. Undefined if no line
 * postpones anything: without a table, and for plans that are unknown, because nobody says that their start is still
 * to come.
 */
export function lineOpens(
  table: LinesFact | undefined,
  member: Covered,
  { coverageId, from }: Pick<CoverageFact, 'coverageId' | 'from'>,
  now: number,
): string | undefined {
  if (table === undefined) return undefined;
  const starts = plansOf(member, coverageId, Math.max(now, ms(from))).map(({ plan }) => table.plans.get(plan));
  if (starts.length === 0 || starts.includes(undefined)) return undefined;
  const instants = starts.map((start) => start?.from);
  if (instants.includes(undefined)) return 'never';
  return (instants as string[]).toSorted((a, b) => ms(b) - ms(a))[0];
}

/**
 * The attribution with the coverage on which it depends at a time, if it was or will be another one. It counts as
 * changed when the newest of them began.
 */
export function withCoverageAt(attribution: AttributionFact, now: number): AttributionFact {
  const { formerly, coverageId, changedAt, ...rest } = attribution;
  if (formerly === undefined) return attribution;
  const former = formerly.find(({ until }) => now < ms(until));
  const at = former === undefined ? coverageId : former.coverageId;
  const began = formerly.findLast(({ until }) => ms(until) <= now)?.until;
  const changed = [changedAt, began].filter((each) => each !== undefined).toSorted((a, b) => ms(b) - ms(a))[0];
  return {
    ...rest,
    ...(at !== undefined && { coverageId: at }),
    ...(changed !== undefined && { changedAt: changed }),
  };
}

/** Whether an attribution may ground access: one that depends on a coverage does so only while that one is shared. */
export const isAttributionShared = (
  table: LinesFact | undefined,
  member: Covered,
  { coverageId }: Pick<AttributionFact, 'coverageId'>,
  now: number,
): boolean => coverageId === undefined || isCoverageShared(table, member, coverageId, now);

/**
 * Since when a plan is shared without a break; `Infinity` if it is not. Before the first table all plans were shared,
 * from the beginning of time.
 */
export function planSharedSince(party: Pick<PartyFacts, 'lines'>, plan: string, now: number): number {
  const tables = party.lines().filter(({ setAt }) => ms(setAt) <= now);
  let end = now;
  let since = Number.POSITIVE_INFINITY;
  for (const table of tables.toReversed()) {
    const start = table.plans.get(plan);
    if (!hasStarted(start, end)) return since;
    const [from, set] = [ms(start!.from!), ms(table.setAt)];
    since = Math.max(from, set);
    if (from > set) return since;
    // Whether the table before shared it until this one was set.
    end = set - 1;
  }
  return Number.NEGATIVE_INFINITY;
}

/**
 * Since when a coverage is shared without a break: its lines have started, and its plans are known. `-Infinity` without
 * a table.
 */
export function coverageSharedSince(
  party: Pick<PartyFacts, 'lines'>,
  member: Covered,
  coverageId: string,
  now: number,
): number {
  const table = linesAt(party, now);
  if (table === undefined) return Number.NEGATIVE_INFINITY;
  if (!isCoverageShared(table, member, coverageId, now)) return Number.POSITIVE_INFINITY;
  // A plan that became known before the table was set has shown nothing new.
  const known = (recordedAt: string): number => (ms(recordedAt) > ms(party.lines()[0]!.setAt) ? ms(recordedAt) : 0);
  return Math.max(
    ...plansOf(member, coverageId, now).map(({ plan, recordedAt }) =>
      Math.max(planSharedSince(party, plan, now), known(recordedAt)),
    ),
  );
}
