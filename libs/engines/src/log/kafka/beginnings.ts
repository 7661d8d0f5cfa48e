import { acceptedByDefault } from '../losses.ts';
import type { Loss, SubscribeOptions } from '../port.ts';
import type { Cluster } from './cluster.ts';
import type { GroupConsumer } from './group-consumer.ts';
import type { Settings } from './options.ts';
import type { Place } from './place.ts';

/** Finds where a group continues in the partitions that one of its consumers gained. */
export class Beginnings {
  readonly #settings: Settings;
  readonly #options: SubscribeOptions;
  readonly #cluster: Cluster;

  constructor(settings: Settings, options: SubscribeOptions, cluster: Cluster) {
    this.#settings = settings;
    this.#options = options;
    this.#cluster = cluster;
  }

  /**
   * Finds the committed offsets of the partitions. Keeps a partition paused if retention removed records that the group
   * had not read, until that loss is accepted.
   */
  async whole(consumer: GroupConsumer, places: readonly Place[]): Promise<readonly Place[]> {
    const names = [...new Set(places.map(({ name }) => name))];
    const [committed, earliest] = await Promise.all([
      this.#cluster.committed(this.#settings.groupPrefix + this.#options.group, names),
      this.#cluster.offsets(names, true),
    ]);
    const whole: Place[] = [];
    for (const place of places) {
      const [at, first] = [
        committed.get(place.name)?.[place.partition],
        earliest.get(place.name)?.[place.partition] ?? 0,
      ];
      const from = Math.max(place.next, at ?? 0);
      const { topic, partition } = place;
      place.next = from;
      if (
        from < first &&
        !(await this.#accepted(consumer, place, {
          group: this.#options.group,
          topic,
          partition,
          from,
          to: first,
          begun: from > 0 || at !== undefined,
        }))
      ) {
        // The commit shows the loss to other processes. kafkajs itself would commit another offset for one that is out
        // of range, and a group whose offsets expired has none.
        if (at !== from) await consumer.commit(place.name, place.partition, from);
        continue;
      }
      place.loss = undefined;
      place.next = Math.max(from, first);
      whole.push(place);
    }
    return whole;
  }

  async #accepted(consumer: GroupConsumer, place: Place, loss: Loss): Promise<boolean> {
    const fields = { group: loss.group, topic: loss.topic, partition: loss.partition, from: loss.from, to: loss.to };
    if (await (this.#options.accepted ?? acceptedByDefault)(loss)) {
      // The commit ends this loss for `losses` of other processes and for the next start. A group without commits has
      // no loss to end.
      if (loss.begun) {
        await consumer.commit(place.name, place.partition, loss.to);
        consumer.seek(place.name, place.partition, loss.to);
        this.#settings.logger?.warn(
          fields,
          'the loss of records that retention removed was accepted: the group continues without them',
        );
      }
      return true;
    }
    if (place.loss === undefined) {
      this.#settings.logger?.error(
        fields,
        'retention removed records before this group had read them: the partition stops until the loss is accepted',
      );
    }
    place.loss = loss;
    return false;
  }
}
