import type { PlanFact } from '@provider-access/domain/access';
import { compareText, EVER } from './steps.ts';

/** What one event states about the plan of a coverage, from `appliesFrom` on. */
export interface PlanStep {
  readonly event: string;
  readonly businessTime: string;
  readonly sequence: number;
  readonly appliesFrom: string;
  readonly plan: string;
  /** When the coverage was first known to have this plan at `appliesFrom`. */
  readonly recordedAt: string;
}

/** Statements that are kept of one coverage. */
const MOST_PLANS = 20;

const isNewer = (a: PlanStep, b: PlanStep): boolean =>
  (compareText(a.businessTime, b.businessTime) || a.sequence - b.sequence || compareText(a.event, b.event)) > 0;
const covers = (over: PlanStep, under: PlanStep): boolean =>
  over.appliesFrom <= under.appliesFrom && isNewer(over, under);

/**
 * The statements with one more, oldest first; undefined if it changes nothing. A newer statement replaces all from its
 * date on. The order of delivery does not matter.
 */
export function withPlan(steps: readonly PlanStep[], step: PlanStep): readonly PlanStep[] | undefined {
  if (steps.some((known) => known.event === step.event || covers(known, step))) return undefined;
  const before = steps.findLast(({ appliesFrom }) => appliesFrom <= step.appliesFrom);
  const recordedAt = before?.plan === step.plan ? before.recordedAt : step.recordedAt;
  const all = [...steps.filter((known) => !covers(step, known)), { ...step, recordedAt }].toSorted((a, b) =>
    compareText(a.appliesFrom, b.appliesFrom),
  );
  if (all.length <= MOST_PLANS) return all;
  // What is dropped may be of a line that has not started, so nothing that names the coverage is shared.
  const [oldest, , ...rest] = all as [PlanStep, PlanStep, ...PlanStep[]];
  return [{ ...oldest, plan: '' }, ...rest];
}

/** The facts of a coverage. */
export const planFacts = (coverageId: string, steps: readonly PlanStep[]): readonly PlanFact[] =>
  steps.map(({ appliesFrom, plan, recordedAt, event }, i) => ({
    coverageId,
    plan,
    from: appliesFrom,
    ...(i + 1 < steps.length && { to: steps[i + 1]!.appliesFrom }),
    recordedAt,
    event,
  }));

/** The plan of a statement without a beginning holds for the whole coverage. */
export const WHOLE_COVERAGE = EVER;
