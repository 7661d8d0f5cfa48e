import { setTimeout as sleep } from 'node:timers/promises';
import { type Backoff, backoffMs } from '../backoff.ts';
import { handlerFault } from '../handler-fault.ts';
import { acceptedByDefault } from '../losses.ts';
import type { SubscribeOptions, Subscription } from '../port.ts';
import { Consumer, Lane } from './lane.ts';
import type { LocalStore } from './sqlite-store.ts';

/** A consumer group inside this process. Its consumers share the partitions of their topics. */
export class Group {
  readonly name: string;
  readonly #store: LocalStore;
  readonly #backoff: Backoff;
  readonly #lanes = new Map<string, Lane>();
  readonly #ofTopic = new Map<string, Lane[]>();
  readonly #consumers = new Map<Consumer, SubscribeOptions>();
  readonly #owners = new Map<Lane, Consumer>();
  #rebalancing: Promise<void> = Promise.resolve();

  constructor(name: string, store: LocalStore, backoff: Backoff) {
    this.name = name;
    this.#store = store;
    this.#backoff = backoff;
  }

  get lanes(): Iterable<Lane> {
    return this.#lanes.values();
  }
  /** Starts the lanes of a topic, or all lanes. */
  kick(topic?: string): void {
    // Each append asks each group, and most of them do not read its topic.
    if (topic === undefined) this.#lanes.forEach((lane) => lane.kick());
    else this.#ofTopic.get(topic)?.forEach((lane) => lane.kick());
  }

  async join(options: SubscribeOptions): Promise<Subscription> {
    const ask = options.accepted ?? acceptedByDefault;
    const group = this.name;
    const consumer = new Consumer(options, ({ topic, partition, next: from }, to) =>
      ask({ group, topic, partition, from, to, begun: this.#store.committed(group, topic, partition) !== undefined }),
    );
    for (const topic of consumer.topics) {
      for (let partition = 0; partition < this.#store.partitions(topic); partition++) {
        const id = `${topic}/${partition}`;
        if (this.#lanes.has(id)) continue;
        const commit = ({ next }: Lane): void => this.#store.commit(group, topic, partition, next);
        const lane = new Lane(this.#store, { topic, partition }, this.#backoff, commit);
        this.#lanes.set(id, lane);
        const others = this.#ofTopic.get(topic);
        if (others === undefined) this.#ofTopic.set(topic, [lane]);
        else others.push(lane);
      }
    }
    this.#consumers.set(consumer, options);
    await this.#rebalance();
    return consumer.subscription(async () => {
      this.#consumers.delete(consumer);
      await this.#rebalance();
      // A failed commit means redelivery, which handlers tolerate, so it must not fail the stop.
      await this.#store.flush().catch(() => undefined);
    });
  }

  async stop(): Promise<void> {
    this.#consumers.clear();
    await this.#rebalance();
  }

  #rebalance(): Promise<void> {
    this.#rebalancing = this.#rebalancing.then(() => this.#assign());
    return this.#rebalancing;
  }

  /** Lanes that change their owner stop first, so that `assigned` sees all work of the last owner. */
  async #assign(): Promise<void> {
    const gained = new Map<Consumer, Lane[]>();
    const moved: Lane[] = [];
    for (const lane of this.#lanes.values()) {
      const takers = [...this.#consumers.keys()].filter(({ topics }) => topics.includes(lane.topic));
      const owner = takers[lane.partition % takers.length];
      const previous = this.#owners.get(lane);
      if (owner === previous) continue;
      previous?.lanes.delete(lane);
      moved.push(lane);
      this.#owners.delete(lane);
      if (owner === undefined) continue;
      this.#owners.set(lane, owner);
      gained.set(owner, [...(gained.get(owner) ?? []), lane]);
    }
    await Promise.all(moved.map((lane) => lane.release()));
    // Not awaited, because a slow `assigned` of a consumer must not delay a stop or another join.
    for (const [consumer, lanes] of gained) void this.#hand(consumer, lanes);
  }

  async #hand(consumer: Consumer, lanes: readonly Lane[]): Promise<void> {
    const options = this.#consumers.get(consumer);
    const mine = (): Lane[] => lanes.filter((lane) => this.#owners.get(lane) === consumer);
    for (let failures = 0; options !== undefined && mine().length > 0; failures++) {
      try {
        for (const lane of mine()) lane.next = this.#start(lane, options);
        for (const lane of mine()) consumer.lanes.add(lane);
        await options.assigned?.(mine().map(({ topic, partition }) => ({ topic, partition })));
        consumer.assignFailure = undefined;
        for (const lane of mine()) lane.give(consumer);
        return;
      } catch (error) {
        consumer.assignFailure = `assigned: ${handlerFault(error)}`;
        await sleep(backoffMs(this.#backoff, failures));
      }
    }
  }

  /**
   * Commits a start at a position at once. Otherwise a restart would skip records that arrive before the first batch.
   */
  #start({ topic, partition }: Lane, { from }: SubscribeOptions): number {
    const committed = this.#store.committed(this.name, topic, partition);
    if (committed !== undefined) return committed;
    const next = from?.[topic]?.[partition] ?? 0;
    if (from !== undefined) this.#store.commit(this.name, topic, partition, next);
    return next;
  }
}
