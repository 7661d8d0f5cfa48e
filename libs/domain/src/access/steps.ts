import type { DenialReason } from '@provider-access/events';

/**
 * The conditions of `decide` in its order, for a funnel: a member is lost at the first one that does not hold, because
 * `decide` answers with that reason. `steps.unit.spec.ts` compares the order with the decisions.
 */
export const DECISION_STEPS = [
  ['app', ['client-unknown', 'client-not-approved']],
  ['not-held', ['member-unknown', 'on-hold', 'source-on-hold']],
  ['attributed', ['not-attributed']],
  ['not-opted-out', ['opted-out']],
  ['covered', ['not-covered']],
  ['line-started', ['line-not-started']],
  ['notified', ['notice']],
  ['in-network', ['not-in-network']],
] as const satisfies readonly (readonly [string, readonly DenialReason[]])[];
export type DecisionStep = (typeof DECISION_STEPS)[number][0];

type Listed = (typeof DECISION_STEPS)[number][1][number];
/** By reason: the step that loses a member for it. A reason that is in no step does not compile. */
const STEP_OF: Readonly<Record<DenialReason, DecisionStep>> = Object.fromEntries(
  DECISION_STEPS.flatMap(([step, reasons]) => reasons.map((reason) => [reason, step])),
) as Readonly<Record<Listed, DecisionStep>>;
export const stepOf = (reason: DenialReason): DecisionStep => STEP_OF[reason];
