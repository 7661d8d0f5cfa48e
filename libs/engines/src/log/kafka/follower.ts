import { backoffMs, pause } from '../backoff.ts';
import { cut } from '../batches.ts';
import { handlerFault } from '../handler-fault.ts';
import {
  EngineUnavailable,
  type FollowOptions,
  type Position,
  positionOf,
  reached,
  type Subscription,
  type TopicPartition,
} from '../port.ts';
import { Cluster } from './cluster.ts';
import { errorType } from './errors.ts';
import { byLeader, fetchRanges, type Range } from './fetch.ts';
import { FETCH_BYTES, PARTITION_BYTES } from './fetch-limits.ts';
import type { Settings } from './options.ts';

/**
 * How long a fetch waits while a handler runs, ms. A fetch excludes the partition of the handler, so it must be short.
 */
const BUSY_POLL_MS = 10;

interface Place extends TopicPartition {
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
  readonly #stop = new AbortController();
  #running: Promise<void> | undefined;
  #failure: string | undefined;
  #lastPoll = Date.now();
  /** Call it whenever a position has moved. */
  #passed = (): void => undefined;

  constructor(settings: Settings, options: FollowOptions) {
    this.#settings = settings;
    this.#options = options;
    this.#cluster = new Cluster(settings);
  }

  /** Resolves when all records before the heads at the call are handled. */
  async start(): Promise<void> {
    try {
      const heads = await this.#cluster.offsets([...new Set(this.#options.topics)]);
      for (const [topic, offsets] of Object.entries(heads)) {
        for (const [partition, head] of offsets.entries()) {
          const next = this.#options.from?.[topic]?.[partition] ?? 0;
          if (next > head) throw shorter(topic, partition);
          this.#places.push({ topic, partition, next, state: 'idle', failure: undefined });
        }
      }
      const caughtUp = Promise.withResolvers<void>();
      this.#passed = () => {
        if (this.#stopping) caughtUp.reject(new EngineUnavailable('the log was closed'));
        else if (reached(this.position(), heads)) caughtUp.resolve();
      };
      this.#running = this.#run();
      this.#passed();
      await caughtUp.promise;
      this.#passed = () => undefined;
    } catch (error) {
      await this.stop();
      throw error;
    }
  }

  async stop(): Promise<void> {
    this.#stop.abort();
    this.#passed();
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

  get #stopping(): boolean {
    return this.#stop.signal.aborted;
  }

  /** Runs one fetch at a time for each node. Other nodes wait neither for this fetch nor for its handlers. */
  async #run(): Promise<void> {
    const asked = new Map<string, Promise<void>>();
    for (let failures = 0; !this.#stopping;) {
      try {
        for (const [nodeId, places] of await this.#nodes()) {
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
        // Nothing is under way if a handler ended meanwhile, or if no partition has a leader. Such a race never ends.
        const underWay = [...asked.values(), ...this.#handling];
        await (underWay.length > 0 ? Promise.race(underWay) : pause(BUSY_POLL_MS, this.#stop.signal));
        failures = 0;
      } catch (error) {
        if (this.#stopping) break;
        this.#failure = error instanceof EngineUnavailable ? error.message : `following: ${errorType(error)}`;
        await pause(backoffMs(this.#settings.backoff, failures++), this.#stop.signal);
      }
    }
    await Promise.allSettled(asked.values());
  }

  /** The idle partitions by the node that leads them. */
  async #nodes(): Promise<ReadonlyMap<string, readonly Place[]>> {
    const idle = this.#places.filter(({ state }) => state === 'idle');
    if (idle.length === 0) return new Map();
    const topics = [...new Set(idle.map(({ topic }) => topic))];
    return this.#cluster.use('following', topics, async (raw) => byLeader(this.#cluster, raw, idle), 0);
  }

  async #turn(nodeId: string, places: readonly Place[]): Promise<void> {
    const limits = {
      maxWaitTime: this.#places.some(({ state }) => state === 'busy') ? BUSY_POLL_MS : this.#settings.pollMs,
      maxBytes: FETCH_BYTES,
      partitionBytes: PARTITION_BYTES,
    };
    const ranges = await this.#cluster.use(
      'following',
      [],
      (raw) => fetchRanges(this.#cluster, raw, [nodeId, places], limits),
      0,
    );
    if (ranges === undefined) await this.#outOfRange(places);
    this.#lastPoll = Date.now();
    this.#failure = undefined;
    for (const [place, range] of ranges ?? []) this.#take(place, range);
  }

  /**
   * A follower that has read nothing starts at the first remaining record. If retention removes unread records, a
   * follower stops, because it may have missed a denial. If its position is past the end, the log is another one than
   * before.
   */
  async #outOfRange(places: readonly Place[]): Promise<void> {
    const topics = [...new Set(places.map(({ topic }) => topic))];
    const [first, last] = [await this.#cluster.offsets(topics, true), await this.#cluster.offsets(topics)];
    for (const place of places) {
      const { topic, partition, next } = place;
      const start = first[topic]![partition]!;
      if (next > last[topic]![partition]!) throw shorter(topic, partition);
      if (next >= start) continue;
      if (next > 0)
        throw new EngineUnavailable(
          `Kafka: ${topic}/${partition}: retention removed records before this follower had read them`,
        );
      place.next = start;
      this.#passed();
    }
  }

  #take(place: Place, range: Range): void {
    if (range.records.length === 0) {
      place.next = range.next;
      this.#passed();
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
    const { topic, partition } = place;
    for (let at = 0, failures = 0; at < records.length && !this.#stopping;) {
      const part = cut(records, at, this.#options.maxRecords);
      try {
        await this.#options.handle({ topic, partition, records: part });
        at += part.length;
        failures = 0;
        place.failure = undefined;
        place.next = at === records.length ? next : part[part.length - 1]!.offset + 1;
        this.#passed();
      } catch (error) {
        place.failure = `${topic}/${partition}: ${handlerFault(error)}`;
        await pause(backoffMs(this.#settings.backoff, failures++), this.#stop.signal);
      }
    }
  }
}

/** The position is past the end, because the topic was created again or an older log was restored. */
const shorter = (topic: string, partition: number): EngineUnavailable =>
  new EngineUnavailable(`Kafka: ${topic}/${partition} ends before the position of this follower`);
