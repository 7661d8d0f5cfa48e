import type { Interval } from '@provider-access/domain/access';

/** Earlier than everything. A step from here covers the whole time of its coverage. */
export const EVER = '0001-01-01T00:00:00.000Z';

/**
 * What one event states about one coverage or attribution. From `s` on, earlier statements no longer count. Then [f, u)
 * holds; without `f`, nothing holds. At any moment, of the steps with s <= moment, the one with the greatest (b, q, e)
 * decides. So the order of delivery does not matter, and a step that a later one covers completely can be dropped.
 * Instants are RFC 3339 in UTC with milliseconds, so they compare as text.
 */
export interface Step {
  /** Event id. */
  readonly e: string;
  /** Business time, then sequence. */
  readonly b: string;
  readonly q: number;
  readonly s: string;
  readonly f?: string;
  readonly u?: string;
  /** Since when the state was visible without a break, by the times of recording. */
  readonly v: string;
  /** The coverage on which an attribution depends. */
  readonly c?: string;
  /**
   * Of a step with the same business time as older ones. Then `b` is later than `said`, the time in the event, and
   * `events` are marks of the older events.
   */
  readonly t?: StepTie;
}
export interface StepTie {
  readonly said: string;
  readonly events: readonly string[];
}
export interface Piece extends Interval {
  readonly recordedAt: string;
  readonly event: string;
  readonly coverageId?: string;
}

const later = (a: Step, b: Step): number =>
  a.b < b.b ? -1 : a.b > b.b ? 1 : a.q - b.q || (a.e < b.e ? -1 : a.e > b.e ? 1 : 0);
const max = (a: string, b: string): string => (a > b ? a : b);
const covers = (over: Step, under: Step): boolean => over.s <= under.s && later(over, under) > 0;

/** Steps that still matter, in the order of their start. */
export function staircase(steps: readonly Step[]): readonly Step[] {
  if (steps.length < 2) return steps;
  return steps.filter((p) => !steps.some((q) => covers(q, p))).sort((a, b) => (a.s < b.s ? -1 : a.s > b.s ? 1 : 0));
}

/** The intervals in force, oldest first. Intervals that touch are merged. */
export function pieces(steps: readonly Step[]): readonly Piece[] {
  const stairs = staircase(steps);
  const out: Piece[] = [];
  for (let i = 0; i < stairs.length; i++) {
    const step = stairs[i]!;
    if (step.f === undefined) continue;
    const from = max(step.f, step.s);
    const next = stairs[i + 1]?.s;
    const to = step.u === undefined ? next : next === undefined || step.u < next ? step.u : next;
    if (to !== undefined && to <= from) continue;
    const last = out.at(-1);
    const joins = last !== undefined && last.to === from;
    if (joins) out.pop();
    out.push({
      from: joins ? last.from : from,
      ...(to !== undefined && { to }),
      recordedAt: joins && step.v <= from ? last.recordedAt : step.v,
      event: step.e,
      ...(step.c !== undefined && { coverageId: step.c }),
    });
  }
  return out;
}

/**
 * The steps with one more, or undefined if it changes nothing: its event is known, or a later step covers it
 * completely. `recordedAt` is the time of recording of the new step; `also` are steps that apply as well (of every
 * coverage).
 */
export function withStep(
  steps: readonly Step[],
  step: Omit<Step, 'v'>,
  recordedAt: string,
  also: readonly Step[] = [],
): readonly Step[] | undefined {
  const candidate: Step = { ...step, v: recordedAt };
  if (steps.some((s) => s.e === step.e || covers(s, candidate))) return undefined;
  let { v } = candidate;
  if (step.f !== undefined) {
    const seen = max(step.f, recordedAt);
    const before = pieces([...steps, ...also]).find((i) => i.from < seen && (i.to === undefined || seen <= i.to));
    if (before !== undefined) v = max(before.from, before.recordedAt);
  }
  return folded([...steps.filter((s) => !covers(candidate, s)), { ...candidate, v }], recordedAt, also);
}

/**
 * Whether the statement of a step still counts, by the step itself or an equal one. For an event that changed nothing,
 * this distinguishes a repetition from an event that newer ones overtook.
 */
export function stands(steps: readonly Step[], { e, s, f, u, c }: Omit<Step, 'v'>): boolean {
  return staircase(steps).some(
    (step) => step.e === e || (step.s === s && step.f === f && step.u === u && step.c === c),
  );
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
  while (stairs.length > HISTORY && stairs[1]!.s <= asOf) {
    const [oldest, next, ...rest] = stairs as [Step, Step, ...Step[]];
    const piece = pieces([oldest, next, ...also]).find((p) => p.event === next.e);
    const continues = piece !== undefined && piece.from < max(next.f!, next.s);
    stairs = [continues ? { ...next, s: oldest.s, f: piece.from, v: piece.recordedAt } : next, ...rest];
  }
  if (stairs.length <= MOST) return stairs;
  const { f: _f, u: _u, c: _c, ...last } = stairs.at(-1)!;
  return [...stairs.slice(0, MOST - 1), { ...last, s: stairs[MOST - 1]!.s, v: asOf }];
}
