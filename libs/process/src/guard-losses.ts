import { PA_REGISTRY, type RestoreAccepted, type Service, TOPICS, typeOf, dataOf } from '@provider-access/events';
import { type EventLog, type Loss, lossId, recordsFrom, type SubscribeOptions } from '@provider-access/engines/log';
import { overlay } from './tracing/overlay.ts';

/**
 * A log whose groups stop before records that retention removed unread, until an operator accepts the loss (`pa topics
 * accept-loss`, an event in `pa.registry`). Kafka drops the offsets of a group that is inactive for
 * `offsets.retention.minutes`. So a group without a committed offset counts as new only while the service has derived
 * nothing; afterwards it has lost its offset.
 *
 * Records of a derived topic with a retention have expired, and nobody may read them any more. They are no loss.
 * @param forgets whether the engine drops the offsets of groups that are inactive for long, as Kafka does
 */
export function guardLosses(log: EventLog, service: Service, forgets: boolean): EventLog {
  const own = TOPICS.filter(({ writers }) => writers.length === 1 && writers[0] === service).map(({ name }) => name);
  const expiring = new Set(
    TOPICS.filter(({ role, cleanup }) => role === 'derived' && cleanup === 'delete').map(({ name }) => name),
  );
  const accepted = acceptedLosses(log);
  const isNew = async (): Promise<boolean> =>
    Object.values(await log.head(own)).every((heads) => heads.every((head) => head === 0));
  const ask = async (loss: Loss): Promise<boolean> =>
    expiring.has(loss.topic) || (!loss.begun && (!forgets || (await isNew()))) || (await accepted()).has(lossId(loss));
  return overlay(log, { subscribe: (options: SubscribeOptions) => log.subscribe({ ...options, accepted: ask }) });
}

/** Reads the registry only on demand, and continues where it stopped. */
function acceptedLosses(log: EventLog): () => Promise<ReadonlySet<string>> {
  const ids = new Set<string>();
  const next: number[] = [];
  const read = async (): Promise<ReadonlySet<string>> => {
    for (let partition = 0; partition < (await log.partitions(PA_REGISTRY)); partition++) {
      for await (const record of recordsFrom(log, PA_REGISTRY, partition, next[partition])) {
        if (typeOf(record) === 'pa.restore-accepted.v1') ids.add(dataOf<RestoreAccepted>(record).restore);
        next[partition] = record.offset + 1;
      }
    }
    return ids;
  };
  let reading: Promise<unknown> = Promise.resolve();
  // One at a time, because several groups may ask at once.
  return () => {
    const mine = reading.then(read);
    reading = mine.catch(() => undefined);
    return mine;
  };
}
