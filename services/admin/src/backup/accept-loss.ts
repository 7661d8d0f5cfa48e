import { type EventLog, type Loss, lossId } from '@provider-access/engines/log';
import { DECLARATIONS, viewGroup } from '../services.ts';
import { type Acceptance, acceptAll } from './accept.ts';

const GROUPS: readonly (readonly [group: string, topics: readonly string[]])[] = DECLARATIONS.flatMap(
  ({ subscriptions, projections }) => [
    ...subscriptions.map(({ group, topics }) => [group, topics] as const),
    ...projections.map((projection) => [viewGroup(projection), Object.keys(projection.topics)] as const),
  ],
);

/**
 * Appends to `pa.registry` that an operator accepts each present loss, so that its group continues with the remaining
 * records. A later loss must be accepted again.
 * @param now ms since the epoch @returns the losses @throws EngineUnavailable
 */
export async function acceptLosses(log: EventLog, by: Acceptance, now: number): Promise<readonly Loss[]> {
  const losses: Loss[] = [];
  for (const [group, topics] of GROUPS) losses.push(...(await log.losses(group, topics)));
  await acceptAll(log, losses.map(lossId), by, now);
  return losses;
}
