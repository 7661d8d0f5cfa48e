import { type EventLog, type Loss, lossId } from '@provider-access/engines/log';
import { DECLARATIONS, viewGroup } from '../services.ts';
import { type Acceptance, acceptAll } from './accept.ts';

const GROUPS: readonly (readonly [group: string, topics: readonly string[]])[] = DECLARATIONS.flatMap(
  ({ subscriptions, projections }) => [
    ...subscriptions.map(({ group, topics }) => [group, topics] as const),
    ...projections.map((projection) => [viewGroup(projection), Object.keys(projection.topics)] as const),
  ],
);

/** Records that retention removed before a group of the platform read them. @throws EngineUnavailable */
async function lossesOf(log: EventLog): Promise<readonly Loss[]> {
  const found: Loss[] = [];
  for (const [group, topics] of GROUPS) found.push(...(await log.losses(group, topics)));
  return found;
}

/**
 * Appends to `pa.registry` that an operator accepts each present loss, so that its group continues with the remaining
 * records. A later loss must be accepted again.
 * @param now ms since the epoch @returns the losses @throws EngineUnavailable
 */
export async function acceptLosses(log: EventLog, by: Acceptance, now: number): Promise<readonly Loss[]> {
  const losses = await lossesOf(log);
  await acceptAll(log, losses.map(lossId), by, now);
  return losses;
}
