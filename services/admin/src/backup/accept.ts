import {
  encodeEvent,
  PA_REGISTRY,
  PAYER_MEMBER_EVENTS,
  PAYER_PROVIDER_EVENTS,
  PAYER_TOPICS,
  typeOf,
  type LogRestored,
  type RestoreAccepted,
  dataOf,
} from '@provider-access/events';
import { type EventLog, reached } from '@provider-access/engines/log';
import { CopyRefused } from './copy.ts';

/** The intakes on which decisions depend. They must have handled everything that payers have published. */
const INTAKES: readonly (readonly [group: string, topics: readonly string[]])[] = [
  ['consent-intake', PAYER_TOPICS],
  ['attribution-intake', [PAYER_MEMBER_EVENTS]],
  ['attribution-providers', [PAYER_PROVIDER_EVENTS]],
];
const PAGE = 1000;

/**
 * Confirms every open restore: payers have re-sent everything since its backup, so decisions and reads begin again.
 * @returns the number of restores @throws CopyRefused while an intake lags; EngineUnavailable
 */
export async function acceptRestore(
  log: EventLog,
  by: { readonly by: string; readonly reason: string },
  now: number,
): Promise<number> {
  const open = await openRestores(log);
  if (open.length === 0) return 0;
  for (const [group, topics] of INTAKES) {
    const head = await log.head(topics);
    if (!reached(await log.committed(group, topics), head))
      throw new CopyRefused(
        `${group} has not handled all records of the payer topics yet: wait until its lag is 0, then accept`,
      );
  }
  const at = new Date(now).toISOString();
  await log.append(
    PA_REGISTRY,
    open.map(({ restore }) =>
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
  return open.length;
}

async function openRestores(log: EventLog): Promise<readonly LogRestored[]> {
  const restored = new Map<string, LogRestored>();
  const accepted = new Set<string>();
  for (let partition = 0; partition < (await log.partitions(PA_REGISTRY)); partition++) {
    for (let from = 0; ;) {
      const records = await log.read(PA_REGISTRY, partition, from, PAGE);
      for (const record of records) {
        const type = typeOf(record);
        if (type !== 'pa.log-restored.v1' && type !== 'pa.restore-accepted.v1') continue;
        const data = dataOf<LogRestored>(record);
        if (type === 'pa.log-restored.v1') restored.set(data.restore, data);
        else accepted.add(data.restore);
      }
      const last = records.at(-1);
      if (last === undefined) break;
      from = last.offset + 1;
    }
  }
  return [...restored.values()].filter(({ restore }) => !accepted.has(restore));
}
