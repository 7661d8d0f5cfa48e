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
import { type Backoff, DEFAULT_BACKOFF } from '../backoff.ts';
import { lossesOf } from '../losses.ts';
import { placed } from '../placing.ts';
import { Group } from './group.ts';
import { Consumer, Lane } from './lane.ts';
import { keptRecords } from './recent-records.ts';
import type { LocalStore } from './sqlite-store.ts';

/** How often idle lanes are polled, so that `lastPoll` shows a living event loop. */
const TICK_MS = 1000;

/** The log inside one process: groups, delivery and notification over a `LocalStore`. */
export class LocalLog implements EventLog {
  readonly handsOnHeaders = true;
  readonly #store: LocalStore;
  readonly #maxRecordBytes: number | undefined;
  readonly #backoff: Backoff;
  readonly #groups = new Map<string, Group>();
  readonly #follows = new Set<{ lanes: readonly Lane[]; stop(): Promise<void> }>();
  readonly #tick: NodeJS.Timeout;
  #closed = false;

  constructor(
    store: LocalStore,
    options: { readonly maxRecordBytes?: number | undefined; readonly backoff?: Backoff },
  ) {
    this.#store = store;
    this.#maxRecordBytes = options.maxRecordBytes;
    this.#backoff = options.backoff ?? DEFAULT_BACKOFF;
    this.#tick = setInterval(() => this.wake(), TICK_MS);
    this.#tick.unref();
  }

  /** Starts the lanes of a topic, or all lanes, because there may be new records. */
  wake(topic?: string): void {
    // Each append does this, and a group has many lanes, so nothing is copied.
    for (const group of this.#groups.values()) group.kick(topic);
    for (const { lanes } of this.#follows)
      for (const lane of lanes) if (topic === undefined || lane.topic === topic) lane.kick();
  }

  async append(topic: string, records: readonly NewRecord[]): Promise<readonly Appended[]> {
    this.#writable();
    if (records.length === 0) return [];
    const limit = maxRecordBytes(topic, this.#maxRecordBytes);
    return this.#store.append(topic, placed(records, topic, this.#store.partitions(topic), limit));
  }

  async subscribe(options: SubscribeOptions): Promise<Subscription> {
    this.#writable();
    let group = this.#groups.get(options.group);
    if (group === undefined)
      this.#groups.set(options.group, (group = new Group(options.group, this.#store, this.#backoff)));
    return group.join(options);
  }

  async follow(options: FollowOptions): Promise<Subscription> {
    this.#open();
    // A follower may start behind removed records. Later, if retention removes unread records, it stops.
    const consumer = new Consumer(options, async ({ next }) => next === 0);
    const heads = await this.head(consumer.topics);
    const caughtUp = Promise.withResolvers<void>();
    const done = (): void => {
      if ([...consumer.lanes].every((lane) => lane.next >= heads[lane.topic]![lane.partition]!)) caughtUp.resolve();
    };
    for (const topic of consumer.topics) {
      heads[topic]!.forEach((_, partition) => {
        const lane = new Lane(this.#store, { topic, partition }, this.#backoff, done);
        lane.next = options.from?.[topic]?.[partition] ?? 0;
        consumer.lanes.add(lane);
      });
    }
    const following = {
      lanes: [...consumer.lanes],
      stop: async () => {
        this.#follows.delete(following);
        await Promise.all(following.lanes.map((lane) => lane.release()));
        caughtUp.reject(new EngineUnavailable('the log was closed'));
      },
    };
    this.#follows.add(following);
    for (const lane of following.lanes) lane.give(consumer);
    done();
    await caughtUp.promise;
    return consumer.subscription(following.stop);
  }

  async head(topics: readonly string[]): Promise<Position> {
    this.#open();
    await this.#store.settled();
    return Object.fromEntries(topics.map((topic) => [topic, [...this.#store.head(topic)]]));
  }

  async committed(group: string, topics: readonly string[]): Promise<Position> {
    const committed = Object.entries(await this.#committed(group, topics));
    return Object.fromEntries(committed.map(([topic, offsets]) => [topic, offsets.map((next) => next ?? 0)]));
  }

  async losses(group: string, topics: readonly string[]): Promise<readonly Loss[]> {
    const committed = await this.#committed(group, topics);
    return lossesOf(group, committed, Object.fromEntries(topics.map((topic) => [topic, this.#store.start(topic)])));
  }

  async read(topic: string, partition: number, fromOffset: number, limit: number): Promise<readonly LogRecord[]> {
    this.#open();
    return keptRecords(this.#store.borrow(topic, partition, fromOffset, limit, Infinity));
  }

  async partitions(topic: string): Promise<number> {
    this.#open();
    return this.#store.partitions(topic);
  }

  async trim(topic: string, beforeTimestamp: number): Promise<number> {
    this.#writable();
    return this.#store.trim(topic, beforeTimestamp, await this.#handled(topic));
  }

  async compact(topic: string): Promise<number> {
    this.#writable();
    return this.#store.compact(topic, await this.#handled(topic));
  }

  async close(): Promise<void> {
    if (this.#closed) return;
    this.#closed = true;
    clearInterval(this.#tick);
    await Promise.all([
      ...[...this.#groups.values()].map((group) => group.stop()),
      ...[...this.#follows].map((follow) => follow.stop()),
    ]);
    await this.#store.flush().catch((error: unknown) => {
      // A failed commit means redelivery, which handlers tolerate, so it must not fail the close.
      if (!(error instanceof EngineUnavailable)) throw error;
    });
    await this.#store.close();
  }

  /**
   * The position that every reader of the topic in this process has passed, or the heads if there is no reader. For a
   * group its committed offset counts.
   */
  async #handled(topic: string): Promise<readonly number[]> {
    // Write the commits first. A kill that loses a commit would otherwise repeat a removed record.
    await this.#store.flush();
    const handled = [...this.#store.head(topic)];
    const lower = (partition: number, next: number): void => {
      handled[partition] = Math.min(handled[partition]!, next);
    };
    for (const group of this.#groups.values()) {
      for (const lane of group.lanes)
        if (lane.topic === topic) lower(lane.partition, this.#store.committed(group.name, topic, lane.partition) ?? 0);
    }
    for (const { lanes } of this.#follows)
      for (const lane of lanes) if (lane.topic === topic) lower(lane.partition, lane.next);
    return handled;
  }

  async #committed(group: string, topics: readonly string[]): Promise<Record<string, (number | undefined)[]>> {
    this.#open();
    await this.#store.flush();
    const of = (topic: string) => this.#store.head(topic).map((_, p) => this.#store.committed(group, topic, p));
    return Object.fromEntries(topics.map((topic) => [topic, of(topic)]));
  }

  #writable(): void {
    this.#open();
    if (this.#store.readonly) throw new Error('this log was opened to read');
  }

  #open(): void {
    if (this.#closed) throw new EngineUnavailable('the log is closed');
  }
}
