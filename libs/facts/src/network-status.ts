import type { HoldFact, NetworkFact } from '@provider-access/domain/access';
import type { NetworkStatusRecorded } from '@provider-access/events';
import { type NewStep, stands, type Step, withStep } from './steps.ts';

/**
 * The steps of a provider with one more change of its network status, or undefined if the change has no effect.
 * @param event id of our event
 * @param at when it was recorded, RFC 3339
 */
export function withNetworkStatus(
  steps: readonly Step[],
  event: string,
  change: NetworkStatusRecorded,
  at: string,
): readonly Step[] | undefined {
  return withStep(steps, networkStep(event, change), at);
}

/** Whether a change of the network status still counts. `event` is the id of our event. */
export const networkStatusStands = (steps: readonly Step[], event: string, change: NetworkStatusRecorded): boolean =>
  stands(steps, networkStep(event, change));

function networkStep(event: string, { businessTime, from, status, tie }: NetworkStatusRecorded): NewStep {
  const content = { ...(status === 'in-network' && { from }), ...(tie !== undefined && { tie }) };
  return { event, businessTime, sequence: 0, appliesFrom: from, ...content };
}

/**
 * A provider is out of network while an event about its status is a dead letter, because the event may say so. After
 * that, the earlier statements count again. If there were none, an ended hold leaves nothing.
 */
export function outWhileHeld(facts: readonly NetworkFact[], holds: readonly HoldFact[]): readonly NetworkFact[] {
  const statusAt = (at: string): NetworkFact['status'] | undefined => facts.findLast((f) => f.from <= at)?.status;
  const counting = holds.filter((h) => h.to === undefined || statusAt(h.to) !== undefined);
  if (counting.length === 0) return facts;
  const moments = [
    ...new Set([
      ...facts.map((f) => f.from),
      ...counting.flatMap((h) => (h.to === undefined ? [h.from] : [h.from, h.to])),
    ]),
  ].sort();
  return moments.flatMap((from) => {
    const isHeld = counting.some((h) => h.from <= from && (h.to === undefined || from < h.to));
    const status = isHeld ? 'out-of-network' : statusAt(from);
    return status === undefined ? [] : [{ status, from }];
  });
}
