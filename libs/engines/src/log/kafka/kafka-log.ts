import { maxRecordBytes } from '@provider-access/events';
import {
  type Appended,
  EngineUnavailable,
  type EventLog,
  type FollowOptions,
  type LogRecord,
  type Loss,
  type NewRecord,
  type Position,
  type SubscribeOptions,
  type Subscription,
} from '../port.ts';
import { lossesOf } from '../losses.ts';
import { placed } from '../placing.ts';
import { Appender } from './appender.ts';
import { Cluster } from './cluster.ts';
import { Follower } from './follower.ts';
import type { Settings } from './options.ts';
import { Reader } from './reader.ts';
import { SharedFetches } from './shared-fetches.ts';
import { Subscriber } from './subscriber.ts';

/** The log port over kafkajs. */
export class KafkaLog implements EventLog {
  /** A send, a fetch and a batch of each service cost a request, so large appends cost least for each record. */
  readonly appendSize = { records: 2_000, bytes: 8 * 1024 * 1024 };
  readonly #settings: Settings;
  readonly #cluster: Cluster;
  readonly #reader: Reader;
  readonly #shared: SharedFetches;
  readonly #appender: Appender;
  readonly #subscriptions = new Set<Subscription>();
  /** Partition counts never change in place. */
  readonly #counts = new Map<string, Promise<number>>();
  #closed: Promise<void> | undefined;

  /** @param now the clock by which fetched records are kept for other groups, ms. Only differences of it count. */
  constructor(settings: Settings, now = () => performance.now()) {
    this.#settings = settings;
    this.#cluster = new Cluster(settings);
    this.#reader = new Reader(this.#cluster);
    this.#shared = new SharedFetches(settings, now);
    this.#appender = new Appender(settings, (topic, partition) => this.#cluster.leader(topic, partition));
  }

  /** Throws EngineUnavailable when no broker answers. */
  async reach(): Promise<void> {
    await this.#cluster.use('connecting', [], async () => undefined);
  }

  async append(topic: string, records: readonly NewRecord[]): Promise<readonly Appended[]> {
    this.#open();
    if (records.length === 0) return [];
    const limit = maxRecordBytes(topic, this.#settings.maxRecordBytes);
    return this.#appender.append(topic, placed(records, topic, await this.partitions(topic), limit));
  }

  async subscribe(options: SubscribeOptions): Promise<Subscription> {
    const parts = { cluster: this.#cluster, reader: this.#reader, shared: this.#shared };
    return this.#begin(new Subscriber(this.#settings, options, parts));
  }

  async follow(options: FollowOptions): Promise<Subscription> {
    return this.#begin(new Follower(this.#settings, options));
  }

  async head(topics: readonly string[]): Promise<Position> {
    this.#open();
    return this.#cluster.offsets(topics);
  }

  async committed(group: string, topics: readonly string[]): Promise<Position> {
    this.#open();
    const committed = Object.entries(await this.#cluster.committed(group, topics));
    return Object.fromEntries(committed.map(([topic, offsets]) => [topic, offsets.map((next) => next ?? 0)]));
  }

  async losses(group: string, topics: readonly string[]): Promise<readonly Loss[]> {
    this.#open();
    return lossesOf(group, await this.#cluster.committed(group, topics), await this.#cluster.offsets(topics, true));
  }

  async read(topic: string, partition: number, fromOffset: number, limit: number): Promise<readonly LogRecord[]> {
    this.#open();
    return this.#reader.read(topic, partition, fromOffset, limit);
  }

  async partitions(topic: string): Promise<number> {
    this.#open();
    let count = this.#counts.get(topic);
    if (count === undefined) {
      this.#counts.set(topic, (count = this.#cluster.partitions(topic)));
      count.catch(() => this.#counts.delete(topic));
    }
    return count;
  }

  close(): Promise<void> {
    return (this.#closed ??= this.#close());
  }

  async #close(): Promise<void> {
    await Promise.all([...this.#subscriptions].map((subscription) => subscription.stop()));
    await this.#appender.close();
    this.#reader.close();
    this.#shared.close();
    this.#cluster.close();
  }

  async #begin<T extends Subscription & { start(): Promise<void> }>(subscription: T): Promise<Subscription> {
    this.#open();
    this.#subscriptions.add(subscription);
    try {
      await subscription.start();
    } catch (error) {
      this.#subscriptions.delete(subscription);
      throw error;
    }
    const stop = subscription.stop.bind(subscription);
    return Object.assign(subscription, {
      stop: async () => {
        await stop();
        this.#subscriptions.delete(subscription);
      },
    });
  }

  #open(): void {
    if (this.#closed !== undefined) throw new EngineUnavailable('the log is closed');
  }
}
