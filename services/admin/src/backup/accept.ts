import {
  encodeEvent,
  PA_REGISTRY,
  typeOf,
  type LogRestored,
  type RestoreAccepted,
  dataOf,
} from '@provider-access/events';
import { type EventLog, type Loss, lossId, reached, recordsFrom } from '@provider-access/engines/log';
import { INTAKES } from '@provider-access/facts';
import { DECLARATIONS, viewGroup } from '../services.ts';
import { CopyRefused } from './copy.ts';

/** Who confirms a restore or a loss, and why. */
export interface Acceptance {
  readonly by: string;
  readonly reason: string;
}

/** The intakes on which decisions depend. They must have handled everything that payers have published. */
const DECIDING = INTAKES.filter(({ group }) => group !== 'resources-intake');

/**
 * Confirms every open restore: payers have re-sent everything since its backup, so decisions and reads begin again.
 * @returns the number of restores @throws CopyRefused while an intake lags; EngineUnavailable
 */
export async function acceptRestore(log: EventLog, by: Acceptance, now: number): Promise<number> {
  const open = await openRestores(log);
  if (open.length === 0) return 0;
  for (const { group, topics } of DECIDING) {
    const head = await log.head(topics);
    if (!reached(await log.committed(group, topics), head))
      throw new CopyRefused(
        `${group} has not handled all records of the payer topics yet: wait until its lag is 0, then accept`,
      );
  }
  await acceptAll(
    log,
    open.map(({ restore }) => restore),
    by,
    now,
  );
  return open.length;
}

/** Appends to `pa.registry` that an operator accepts these restores or losses. @param now ms since the epoch */
async function acceptAll(log: EventLog, restores: readonly string[], by: Acceptance, now: number): Promise<void> {
  const at = new Date(now).toISOString();
  await log.append(
    PA_REGISTRY,
    restores.map((restore) =>
      encodeEvent({
        id: `${restore}/accepted`,
        source: 'urn:provider-access:admin',
        type: 'pa.restore-accepted.v1',
        time: at,
        subject: restore,
        data: { restore, ...by, at } satisfies RestoreAccepted,
      }),
    ),
  );
}

async function openRestores(log: EventLog): Promise<readonly LogRestored[]> {
  const restored = new Map<string, LogRestored>();
  const accepted = new Set<string>();
  for (let partition = 0; partition < (await log.partitions(PA_REGISTRY)); partition++) {
    for await (const record of recordsFrom(log, PA_REGISTRY, partition)) {
      const type = typeOf(record);
      if (type !== 'pa.log-restored.v1' && type !== 'pa.restore-accepted.v1') continue;
      const data = dataOf<LogRestored>(record);
      if (type === 'pa.log-restored.v1') restored.set(data.restore, data);
      else accepted.add(data.restore);
    }
  }
  return [...restored.values()].filter(({ restore }) => !accepted.has(restore));
}

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
