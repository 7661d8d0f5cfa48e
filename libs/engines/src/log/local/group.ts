import { setTimeout as sleep } from 'node:timers/promises';
import { type Backoff, backoffMs } from '../backoff.ts';
import { DEFAULT_MAX_BYTES, DEFAULT_MAX_RECORDS } from '../batches.ts';
import { acceptedByDefault } from '../losses.ts';
import { type FollowOptions, positionOf, type SubscribeOptions, type Subscription } from '../port.ts';
import { Lane, type LaneOwner } from './lane.ts';
import type { LocalStore } from './store.ts';

/** The lanes and the state of one consumer. */
export class LocalConsumer implements LaneOwner {
  readonly maxRecords: number;
  readonly maxBytes: number;
  readonly lingerMs: number;
  readonly topics: readonly string[];
  readonly lanes = new Set<Lane>();
  readonly handle: LaneOwner['handle'];
  readonly accepted: LaneOwner['accepted'];
  readonly #failures = new Map<Lane, string>();
  #lastPoll = Date.now();
  #assignFailure: string | undefined;

  constructor(
    options: Omit<FollowOptions, 'from'> & Pick<SubscribeOptions, 'maxBytes' | 'lingerMs'>,
    accepted: LaneOwner['accepted'],
  ) {
    this.topics = [...new Set(options.topics)];
    this.maxRecords = options.maxRecords ?? DEFAULT_MAX_RECORDS;
    this.maxBytes = options.maxBytes ?? DEFAULT_MAX_BYTES;
    this.lingerMs = options.lingerMs ?? 0;
    this.handle = (batch) => options.handle(batch);
    this.accepted = accepted;
  }

  polled(): void {
    this.#lastPoll = Date.now();
  }

  failed(lane: Lane, text: string): void {
    this.#failures.set(lane, text);
  }

  recovered(lane: Lane): void {
    this.#failures.delete(lane);
  }

  assigning(failure: string | undefined): void {
    this.#assignFailure = failure;
  }

  subscription(stop: () => Promise<void>): Subscription {
    return {
      stop,
      position: () => positionOf(this.lanes),
      failure: () => this.#assignFailure ?? this.#failures.values().next().value,
      lastPoll: () => this.#lastPoll,
    };
  }
}

/** A consumer group inside this process. Its consumers share the partitions of their topics. */
export class Group {
  readonly name: string;
  readonly #store: LocalStore;
  readonly #backoff: Backoff;
  readonly #lanes = new Map<string, Lane>();
  readonly #consumers: { consumer: LocalConsumer; options: SubscribeOptions }[] = [];
  readonly #owners = new Map<Lane, LocalConsumer>();
  readonly #partitions = new Map<string, number>();
  #rebalancing: Promise<void> = Promise.resolve();
  #stopped = false;

  constructor(name: string, store: LocalStore, backoff: Backoff) {
    this.name = name;
    this.#store = store;
    this.#backoff = backoff;
  }

  get empty(): boolean {
    return this.#consumers.length === 0;
  }

  get lanes(): Iterable<Lane> {
    return this.#lanes.values();
  }

  async join(options: SubscribeOptions): Promise<Subscription> {
    const ask = options.accepted ?? acceptedByDefault;
    const consumer = new LocalConsumer(options, ({ topic, partition, next }, to) =>
      ask({
        group: this.name,
        topic,
        partition,
        from: next,
        to,
        begun: this.#store.committed(this.name, topic, partition) !== undefined,
      }),
    );
    for (const topic of consumer.topics) this.#partitions.set(topic, this.#store.partitions(topic));
    this.#consumers.push({ consumer, options });
    await this.#rebalance();
    return consumer.subscription(async () => {
      const at = this.#consumers.findIndex((m) => m.consumer === consumer);
      if (at >= 0) this.#consumers.splice(at, 1);
      await this.#rebalance();
      // A failed commit means redelivery, which handlers tolerate, so it must not fail the stop.
      await this.#store.flush().catch(() => undefined);
    });
  }

  async stop(): Promise<void> {
    this.#stopped = true;
    this.#consumers.length = 0;
    await this.#rebalance();
  }

  #rebalance(): Promise<void> {
    this.#rebalancing = this.#rebalancing.then(() => this.#assign());
    return this.#rebalancing;
  }

  /** Lanes that change their owner stop first, so that `assigned` sees all work of the last owner. */
  async #assign(): Promise<void> {
    const gained = new Map<LocalConsumer, Lane[]>();
    const moved: Lane[] = [];
    for (const [topic, partitions] of this.#partitions) {
      const takers = this.#consumers.filter((m) => m.consumer.topics.includes(topic));
      for (let partition = 0; partition < partitions; partition++) {
        const lane = this.#lane(topic, partition);
        const owner = takers.length === 0 ? undefined : takers[partition % takers.length]!.consumer;
        const previous = this.#owners.get(lane);
        if (owner === previous) continue;
        previous?.lanes.delete(lane);
        moved.push(lane);
        if (owner === undefined) this.#owners.delete(lane);
        else {
          this.#owners.set(lane, owner);
          gained.set(owner, [...(gained.get(owner) ?? []), lane]);
        }
      }
    }
    await Promise.all(moved.map((lane) => lane.release()));
    // Not awaited, because a slow `assigned` of a consumer must not delay a stop or another join.
    for (const [consumer, lanes] of gained) void this.#hand(consumer, lanes);
  }

  #lane(topic: string, partition: number): Lane {
    const id = `${topic}/${partition}`;
    let lane = this.#lanes.get(id);
    if (lane === undefined) {
      lane = new Lane(this.#store, topic, partition, this.#backoff, (l) =>
        this.#store.commit(this.name, topic, partition, l.next),
      );
      this.#lanes.set(id, lane);
    }
    return lane;
  }

  async #hand(consumer: LocalConsumer, lanes: readonly Lane[]): Promise<void> {
    const options = this.#consumers.find((m) => m.consumer === consumer)?.options;
    const mine = (): Lane[] => (this.#stopped ? [] : lanes.filter((lane) => this.#owners.get(lane) === consumer));
    for (let failures = 0; options !== undefined && mine().length > 0; failures++) {
      try {
        for (const lane of mine()) lane.next = this.#start(lane, options);
        for (const lane of mine()) consumer.lanes.add(lane);
        if (mine().length > 0) await options.assigned?.(mine().map(({ topic, partition }) => ({ topic, partition })));
        consumer.assigning(undefined);
        for (const lane of mine()) lane.give(consumer);
        return;
      } catch (error) {
        consumer.assigning(`assigned: ${error instanceof Error ? error.name : 'an unknown error'}`);
        await sleep(backoffMs(this.#backoff, failures));
      }
    }
  }

  /**
   * Commits a start at `latest` or at a position at once. Otherwise a restart would skip records that arrive before the
   * first batch.
   */
  #start(lane: Lane, options: SubscribeOptions): number {
    const committed = this.#store.committed(this.name, lane.topic, lane.partition);
    if (committed !== undefined) return committed;
    const from = options.from ?? 'earliest';
    if (from === 'earliest') return 0;
    const next =
      from === 'latest' ? this.#store.head(lane.topic)[lane.partition]! : (from[lane.topic]?.[lane.partition] ?? 0);
    this.#store.commit(this.name, lane.topic, lane.partition, next);
    return next;
  }
}
