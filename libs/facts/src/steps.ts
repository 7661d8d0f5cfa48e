import type { FormerCoverage, Interval } from '@provider-access/domain/access';

/** Earlier than everything. A step from here covers the whole time of its coverage. */
export const EVER = '0001-01-01T00:00:00.000Z';

/**
 * What one event states about one coverage or attribution. From `appliesFrom` on, earlier statements no longer count,
 * and [from, until) holds; without `from`, nothing holds. At any moment, of the steps that apply, the one with the
 * greatest (businessTime, sequence, event) decides. So the order of delivery does not matter, and a step that a later
 * one covers completely can be dropped. Instants are RFC 3339 in UTC with milliseconds, so they compare as text.
 */
export interface Step {
  /** Id of our event. */
  readonly event: string;
  readonly businessTime: string;
  readonly sequence: number;
  readonly appliesFrom: string;
  readonly from?: string;
  readonly until?: string;
  /** When the state was recorded, or the earlier state that it continues without a break. */
  readonly recordedAt: string;
  /**
   * When this statement was recorded, if it continues an earlier state with other days or another coverage. Absent:
   * nothing changed since `recordedAt`, or an earlier release wrote the step.
   */
  readonly changedAt?: string;
  /** The coverage on which an attribution depends. */
  readonly coverageId?: string;
  /**
   * Of a step with the same business time as older ones. Then `businessTime` is later than `said`, the time in the
   * event, and `events` are marks of the older events.
   */
  readonly tie?: StepTie;
}
/** A step before it is compared with the known ones. */
export type NewStep = Omit<Step, 'recordedAt' | 'changedAt'>;
export interface StepTie {
  readonly said: string;
  readonly events: readonly string[];
}
export interface Piece extends Interval {
  readonly recordedAt: string;
  /** As in `Step`. */
  readonly changedAt?: string;
  readonly event: string;
  readonly coverageId?: string;
  /** As in `AttributionFact`. */
  readonly formerly?: readonly FormerCoverage[];
}

export const compareText = (a: string, b: string): number => (a < b ? -1 : a > b ? 1 : 0);
const compare = (a: Step, b: Step): number =>
  compareText(a.businessTime, b.businessTime) || a.sequence - b.sequence || compareText(a.event, b.event);
const max = (a: string, b: string): string => (a > b ? a : b);
const covers = (over: Step, under: Step): boolean => over.appliesFrom <= under.appliesFrom && compare(over, under) > 0;

/** Steps that still matter, in the order of their start. */
export function staircase(steps: readonly Step[]): readonly Step[] {
  if (steps.length < 2) return steps;
  return steps
    .filter((step) => !steps.some((other) => covers(other, step)))
    .sort((a, b) => compareText(a.appliesFrom, b.appliesFrom));
}

/** The intervals in force, oldest first. Intervals that touch are merged. */
export function pieces(steps: readonly Step[]): readonly Piece[] {
  const stairs = staircase(steps);
  const out: Piece[] = [];
  for (let i = 0; i < stairs.length; i++) {
    const step = stairs[i]!;
    if (step.from === undefined) continue;
    const from = max(step.from, step.appliesFrom);
    const following = stairs[i + 1];
    const next = following?.appliesFrom;
    const isCut = next !== undefined && (step.until === undefined || next <= step.until);
    const to = isCut ? next : step.until;
    // A statement that ends the state earlier changes it.
    const isEnded = isCut && next !== step.until && following?.from === undefined;
    const changedAt = isEnded ? following?.recordedAt : step.changedAt;
    if (to !== undefined && to <= from) continue;
    const last = out.at(-1);
    const joins = last !== undefined && last.to === from;
    if (joins) out.pop();
    const formerly = joins ? formerCoverages(last, from, step.coverageId) : undefined;
    out.push({
      from: joins ? last.from : from,
      ...(to !== undefined && { to }),
      recordedAt: joins && step.recordedAt <= from ? last.recordedAt : step.recordedAt,
      event: step.event,
      ...(changedAt !== undefined && { changedAt }),
      ...(step.coverageId !== undefined && { coverageId: step.coverageId }),
      ...(formerly !== undefined && { formerly }),
    });
  }
  return out;
}

/** On what a merged interval depended before it continues from `until` on with a coverage. */
function formerCoverages(
  { coverageId, formerly }: Piece,
  until: string,
  next: string | undefined,
): readonly FormerCoverage[] | undefined {
  if (coverageId === next) return formerly;
  return [...(formerly ?? []), { until, ...(coverageId !== undefined && { coverageId }) }];
}

/**
 * When the state of a step was recorded, or the earlier state that it continues without a break; and when it changed
 * that state.
 */
export function timesOf(
  before: readonly Piece[],
  { from, until, coverageId }: Pick<NewStep, 'from' | 'until' | 'coverageId'>,
  recordedAt: string,
): Pick<Step, 'recordedAt' | 'changedAt'> {
  if (from === undefined) return { recordedAt };
  const seen = max(from, recordedAt);
  const continued = before.find((i) => i.from < seen && (i.to === undefined || seen <= i.to));
  if (continued === undefined) return { recordedAt };
  const isSame = continued.from <= from && continued.to === until && continued.coverageId === coverageId;
  const changedAt = isSame ? continued.changedAt : recordedAt;
  const since = max(continued.from, continued.recordedAt);
  return {
    // The state may begin later. A time of recording in the future would move the time of decisions (`asOf`) there.
    recordedAt: since < recordedAt ? since : recordedAt,
    ...(changedAt !== undefined && { changedAt }),
  };
}

/**
 * The steps with one more, or undefined if it changes nothing: its event is known, or a later step covers it
 * completely. `recordedAt` is the time of recording of the new step; `also` are steps that apply as well (of every
 * coverage).
 */
export function withStep(
  steps: readonly Step[],
  step: NewStep,
  recordedAt: string,
  also: readonly Step[] = [],
): readonly Step[] | undefined {
  const candidate: Step = { ...step, recordedAt };
  if (steps.some((known) => known.event === step.event || covers(known, candidate))) return undefined;
  const times = step.from === undefined ? { recordedAt } : timesOf(pieces([...steps, ...also]), step, recordedAt);
  const kept = steps.filter((known) => !covers(candidate, known));
  return folded([...kept, { ...candidate, ...times }], recordedAt, also);
}

/**
 * Whether the statement of a step still counts, by the step itself or an equal one. For an event that changed nothing,
 * this distinguishes a repetition from an event that newer ones overtook.
 */
export function stands(steps: readonly Step[], stated: NewStep): boolean {
  const isSame = (step: Step): boolean =>
    (['appliesFrom', 'from', 'until', 'coverageId'] as const).every((field) => step[field] === stated[field]);
  return staircase(steps).some((step) => step.event === stated.event || isSame(step));
}

/** So many steps are always kept, so that `explain` can show recent states. */
const HISTORY = 8;
/**
 * The most future steps that are kept. If there are more, the last one that is kept states that nothing holds, so the
 * member is denied from there on.
 */
const MOST = 50;

/**
 * Drops the oldest steps that can never decide again, because at `asOf` or later a newer one decides. If the newer one
 * continues an older one without a break, it takes over the beginning, so that the time since which the state was
 * visible stays the same (ADR 0017).
 */
function folded(steps: readonly Step[], asOf: string, also: readonly Step[]): readonly Step[] {
  if (steps.length <= HISTORY) return steps;
  let stairs = staircase(steps);
  while (stairs.length > HISTORY && stairs[1]!.appliesFrom <= asOf) {
    const [oldest, next, ...rest] = stairs as [Step, Step, ...Step[]];
    const piece = pieces([oldest, next, ...also]).find((p) => p.event === next.event);
    const continues = piece !== undefined && piece.from < max(next.from!, next.appliesFrom);
    const { appliesFrom } = oldest;
    stairs = [continues ? { ...next, appliesFrom, from: piece.from, recordedAt: piece.recordedAt } : next, ...rest];
  }
  if (stairs.length <= MOST) return stairs;
  const { from: _from, until: _until, coverageId: _coverageId, ...last } = stairs.at(-1)!;
  return [...stairs.slice(0, MOST - 1), { ...last, appliesFrom: stairs[MOST - 1]!.appliesFrom, recordedAt: asOf }];
}
