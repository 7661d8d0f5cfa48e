import type { Interval } from '@provider-access/domain/access';

/** Before everything: a step from here says the whole of its coverage. */
export const EVER = '0001-01-01T00:00:00.000Z';

/**
 * What one event says about one coverage or attribution: from `s` on, whatever was said before no longer counts; then
 * [f, u) holds (no `f`: nothing holds). At any moment the step with the greatest (b, q, e) among those with s <= moment
 * speaks. So the order of delivery does not matter, and a step that a later one covers whole can be forgotten.
 * Instants are RFC 3339, UTC, milliseconds: they compare as text.
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
  /** Since when what holds here could be seen without a break, as far as recording goes. */
  readonly v: string;
  /** Coverage that an attribution rests on. */
  readonly c?: string;
  /**
   * Of a step with the business time of older ones: `b` is later than `said`, which its event states; `events` are
   * marks of the older events.
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

/** Steps that still matter, by start. */
export function staircase(steps: readonly Step[]): readonly Step[] {
  if (steps.length < 2) return steps;
  return steps.filter((p) => !steps.some((q) => covers(q, p))).sort((a, b) => (a.s < b.s ? -1 : a.s > b.s ? 1 : 0));
}

/** The intervals in force, oldest first; touching ones are one. */
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
 * The steps with one more, or undefined when it changes nothing: its event is known, or a later one covers it whole.
 * `recordedAt` is the time of recording of the new step; `also` are steps that apply as well (of every coverage).
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
 * Whether what a step says stands: the step itself, or another one that says the same. Asked of an event that changed
 * nothing, it tells a repetition from an event that newer ones overtook.
 */
export function stands(steps: readonly Step[], { e, s, f, u, c }: Omit<Step, 'v'>): boolean {
  return staircase(steps).some(
    (step) => step.e === e || (step.s === s && step.f === f && step.u === u && step.c === c),
  );
}

/** So many steps are kept in any case, so that `explain` can tell what held lately. */
const HISTORY = 8;
/**
 * The most steps ahead that are kept. When there are more, the last one kept says that nothing holds, so the member is
 * denied from there on.
 */
const MOST = 50;

/**
 * Drops the oldest steps that can never speak again: at `asOf` or later a younger one speaks. The younger one takes
 * over the beginning of what it continues without a break, so that since when it could be seen stays the same. (ADR
 * 0017)
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
