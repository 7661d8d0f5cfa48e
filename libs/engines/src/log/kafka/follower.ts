import { backoffMs, pause } from '../backoff.ts';
import { cut } from '../batches.ts';
import { handlerFault } from '../handler-fault.ts';
import {
  type Batch,
  EngineUnavailable,
  type FollowOptions,
  type Position,
  positionOf,
  type Subscription,
  type TopicPartition,
} from '../port.ts';
import { Cluster } from './cluster.ts';
import { errorType } from './errors.ts';
import { type RawCluster, READ_COMMITTED } from './low-level.ts';
import { type Range, rangeOf } from './reader.ts';
import type { Settings } from './options.ts';

/** Most bytes of one fetch, and of one partition in it. */
const FETCH_BYTES = 8 * 1024 * 1024;
const PARTITION_BYTES = 1024 * 1024;
/**
 * How long a fetch waits while a handler runs, ms. A fetch excludes the partition of the handler, so it must be short.
 */
const BUSY_POLL_MS = 10;

interface Place extends TopicPartition {
  readonly name: string;
  next: number;
  /** `asked`: part of a fetch that is under way. `busy`: a handler runs. */
  state: 'idle' | 'asked' | 'busy';
  failure: string | undefined;
}

/**
 * Reads all partitions of topics from a position on, directly from the leaders. Without a group there is no rebalance
 * that delays a start, no commit, and no group that stays on the broker for each process.
 */
export class Follower implements Subscription {
  readonly #settings: Settings;
  readonly #options: FollowOptions;
  readonly #cluster: Cluster;
  readonly #places: Place[] = [];
  readonly #handling = new Set<Promise<void>>();
  #stopping = false;
  #wake = new AbortController();
  #running: Promise<void> | undefined;
  #failure: string | undefined;
  #lastPoll = Date.now();
  #passed: (() => void) | undefined;

  constructor(settings: Settings, options: FollowOptions) {
    this.#settings = settings;
    this.#options = options;
    this.#cluster = new Cluster(settings);
  }

  /** Resolves when all records before the heads at the call are handled. */
  async start(): Promise<void> {
    try {
      const topics = [...new Set(this.#options.topics)];
      const heads = await this.#cluster.offsets(topics.map((topic) => this.#settings.topicPrefix + topic));
      for (const topic of topics) {
        const name = this.#settings.topicPrefix + topic;
        heads.get(name)!.forEach((_, partition) =>
          this.#places.push({
            topic,
            name,
            partition,
            next: this.#options.from?.[topic]?.[partition] ?? 0,
            state: 'idle',
            failure: undefined,
          }),
        );
      }
      for (const { topic, name, partition, next } of this.#places)
        if (next > heads.get(name)![partition]!) throw shorter(topic, partition);
      const caughtUp = (): boolean =>
        this.#places.every(({ name, partition, next }) => next >= heads.get(name)![partition]!);
      this.#running = this.#run();
      await new Promise<void>((resolve, reject) => {
        this.#passed = () => {
          if (this.#stopping) reject(new EngineUnavailable('the log was closed'));
          else if (caughtUp()) resolve();
        };
        this.#passed();
      });
      this.#passed = undefined;
    } catch (error) {
      await this.stop();
      throw error;
    }
  }

  async stop(): Promise<void> {
    this.#stopping = true;
    this.#wake.abort();
    this.#passed?.();
    await Promise.all(this.#handling);
    this.#cluster.close();
    await this.#running;
  }

  position(): Position {
    return positionOf(this.#places);
  }

  failure(): string | undefined {
    return this.#failure ?? this.#places.find(({ failure }) => failure !== undefined)?.failure;
  }

  lastPoll(): number {
    return this.#lastPoll;
  }

  /** Runs one fetch at a time for each node. Other nodes wait neither for this fetch nor for its handlers. */
  async #run(): Promise<void> {
    const asked = new Map<string, Promise<void>>();
    for (let failures = 0; !this.#stopping;) {
      const idle = this.#places.filter(({ state }) => state === 'idle');
      try {
        for (const [nodeId, places] of idle.length > 0 ? await this.#nodes(idle) : []) {
          if (asked.has(nodeId)) continue;
          for (const place of places) place.state = 'asked';
          asked.set(
            nodeId,
            this.#turn(nodeId, places).finally(() => {
              asked.delete(nodeId);
              for (const place of places) if (place.state === 'asked') place.state = 'idle';
            }),
          );
        }
        await Promise.race([...asked.values(), ...this.#handling]);
        failures = 0;
      } catch (error) {
        if (this.#stopping) break;
        this.#failure = error instanceof EngineUnavailable ? error.message : `following: ${errorType(error)}`;
        await pause(backoffMs(this.#settings.backoff, failures++), this.#wake.signal);
      }
    }
    await Promise.allSettled(asked.values());
  }

  async #nodes(idle: readonly Place[]): Promise<ReadonlyMap<string, readonly Place[]>> {
    return this.#cluster.use(
      'following',
      [...new Set(idle.map(({ name }) => name))],
      async (raw) => {
        const nodes = new Map<string, Place[]>();
        for (const place of idle) {
          const [leader] = Object.keys(raw.findLeaderForPartitions(place.name, [place.partition]));
          if (leader !== undefined) nodes.set(leader, [...(nodes.get(leader) ?? []), place]);
        }
        return nodes;
      },
      0,
    );
  }

  async #turn(nodeId: string, places: readonly Place[]): Promise<void> {
    const wait = this.#places.some(({ state }) => state === 'busy') ? BUSY_POLL_MS : this.#settings.pollMs;
    const ranges = await this.#cluster.use('following', [], (raw) => this.#ask(raw, nodeId, places, wait), 0);
    this.#lastPoll = Date.now();
    this.#failure = undefined;
    for (const [place, range] of ranges) this.#take(place, range);
  }

  async #ask(
    raw: RawCluster,
    nodeId: string,
    places: readonly Place[],
    maxWaitTime: number,
  ): Promise<readonly (readonly [Place, Range])[]> {
    const broker = await raw.findBroker({ nodeId });
    const names = [...new Set(places.map(({ name }) => name))];
    try {
      const { responses } = await broker.fetch({
        isolationLevel: READ_COMMITTED,
        maxWaitTime,
        minBytes: 1,
        maxBytes: FETCH_BYTES,
        topics: names.map((topic) => ({
          topic,
          partitions: places
            .filter(({ name }) => name === topic)
            .map(({ partition, next }) => ({ partition, fetchOffset: String(next), maxBytes: PARTITION_BYTES })),
        })),
      });
      return responses.flatMap(({ topicName, partitions }) =>
        partitions.flatMap((fetched) => {
          const place = places.find(({ name, partition }) => name === topicName && partition === fetched.partition);
          return place === undefined ? [] : [[place, rangeOf(place.topic, fetched, place.next)] as const];
        }),
      );
    } catch (error) {
      if ((error as Error).name !== 'KafkaJSOffsetOutOfRange') throw error;
      await this.#outOfRange(places);
      return [];
    }
  }

  /**
   * A follower that has read nothing starts at the first remaining record. If retention removes unread records, a
   * follower stops, because it may have missed a denial. If its position is past the end, the log is another one than
   * before.
   */
  async #outOfRange(places: readonly Place[]): Promise<void> {
    const names = [...new Set(places.map(({ name }) => name))];
    const [first, last] = [await this.#cluster.offsets(names, true), await this.#cluster.offsets(names)];
    for (const place of places) {
      const start = first.get(place.name)![place.partition]!;
      if (place.next < start) {
        if (place.next > 0)
          throw new EngineUnavailable(
            `Kafka: ${place.topic}/${place.partition}: retention removed records before this follower had read them`,
          );
        place.next = start;
        this.#passed?.();
      } else if (place.next > last.get(place.name)![place.partition]!) {
        throw shorter(place.topic, place.partition);
      }
    }
  }

  #take(place: Place, range: Range): void {
    if (range.records.length === 0) {
      place.next = Math.max(place.next, range.next);
      this.#passed?.();
      return;
    }
    place.state = 'busy';
    const handled = this.#handle(place, range).finally(() => {
      place.state = 'idle';
      this.#handling.delete(handled);
    });
    this.#handling.add(handled);
  }

  async #handle(place: Place, { records, next }: Range): Promise<void> {
    for (let at = 0, failures = 0; at < records.length && !this.#stopping;) {
      const batch: Batch = {
        topic: place.topic,
        partition: place.partition,
        records: cut(records, at, this.#options.maxRecords),
      };
      try {
        await this.#options.handle(batch);
        at += batch.records.length;
        failures = 0;
        place.failure = undefined;
        place.next = at === records.length ? next : records[at - 1]!.offset + 1;
        this.#passed?.();
      } catch (error) {
        place.failure = `${place.topic}/${place.partition}: ${handlerFault(error)}`;
        await pause(backoffMs(this.#settings.backoff, failures++), this.#wake.signal);
      }
    }
  }
}

/** The position is past the end, because the topic was created again or an older log was restored. */
const shorter = (topic: string, partition: number): EngineUnavailable =>
  new EngineUnavailable(`Kafka: ${topic}/${partition} ends before the position of this follower`);
