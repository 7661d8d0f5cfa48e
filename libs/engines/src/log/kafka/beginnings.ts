import { acceptedByDefault } from '../losses.ts';
import type { Loss, SubscribeOptions } from '../port.ts';
import type { Cluster } from './cluster.ts';
import type { GroupConsumer } from './group-consumer.ts';
import type { Settings } from './options.ts';
import type { Place } from './place.ts';

interface Context {
  readonly settings: Settings;
  readonly options: SubscribeOptions;
  readonly cluster: Cluster;
}

/**
 * Finds where a group continues in the partitions that one of its consumers gained: at the committed offsets. Returns
 * the partitions that may start. A partition stays paused if retention removed records that the group had not read,
 * until that loss is accepted.
 */
export async function beginnings(
  context: Context,
  consumer: GroupConsumer,
  places: readonly Place[],
): Promise<readonly Place[]> {
  const { cluster, options } = context;
  const topics = [...new Set(places.map(({ topic }) => topic))];
  const [committed, earliest] = await Promise.all([
    cluster.committed(options.group, topics),
    cluster.offsets(topics, true),
  ]);
  const whole: Place[] = [];
  for (const place of places) {
    const { topic, partition } = place;
    const [at, to] = [committed[topic]![partition], earliest[topic]![partition] ?? 0];
    const from = (place.next = Math.max(place.next, at ?? 0));
    const loss = { group: options.group, topic, partition, from, to, begun: from > 0 || at !== undefined };
    if (from < to && !(await accepted(context, consumer, place, loss))) {
      // The commit shows the loss to other processes. kafkajs itself would commit another offset for one that is out
      // of range, and a group whose offsets expired has none.
      if (at !== from) await consumer.commit([{ topic, partition, next: from }]);
      continue;
    }
    place.loss = undefined;
    place.next = Math.max(from, to);
    whole.push(place);
  }
  return whole;
}

async function accepted(
  { options, settings: { logger } }: Context,
  consumer: GroupConsumer,
  place: Place,
  loss: Loss,
): Promise<boolean> {
  const { begun, ...fields } = loss;
  if (await (options.accepted ?? acceptedByDefault)(loss)) {
    // The commit ends this loss for `losses` of other processes and for the next start. A group without commits has no
    // loss to end.
    if (begun) {
      await consumer.commit([{ topic: place.topic, partition: place.partition, next: loss.to }]);
      consumer.seek(place, loss.to);
      logger?.warn(fields, 'the loss of records that retention removed was accepted: the group continues without them');
    }
    return true;
  }
  if (place.loss === undefined)
    logger?.error(
      fields,
      'retention removed records before this group had read them: the partition stops until the loss is accepted',
    );
  place.loss = loss;
  return false;
}
