import { within } from '@provider-access/kernel';
import type { EachBatchPayload } from 'kafkajs';
import { backoffMs, pause } from '../backoff.ts';
import { cut, DEFAULT_MAX_RECORDS } from '../batches.ts';
import { handlerFault } from '../handler-fault.ts';
import { lossSentence } from '../losses.ts';
import {
  type Batch,
  type LogRecord,
  type Position,
  positionOf,
  type SubscribeOptions,
  type Subscription,
  type TopicPartition,
} from '../port.ts';
import { beginnings } from './beginnings.ts';
import type { Cluster } from './cluster.ts';
import { errorType } from './errors.ts';
import { GroupConsumer } from './group-consumer.ts';
import type { Settings } from './options.ts';
import { Place } from './place.ts';
import type { Reader } from './reader.ts';
import { toRecordOnce } from './records.ts';
import type { SharedFetches } from './shared-fetches.ts';

/** How long a stop waits for the last commit, ms. Without it, the next consumer handles the last batches again. */
const COMMIT_AT_STOP_MS = 3_000;
/** After this time without a crash, the next crash counts as a new one, ms. */
const STEADY_MS = 60_000;

/** A consumer of a group. After every crash it makes a new kafkajs consumer. */
export class Subscriber implements Subscription {
  readonly #settings: Settings;
  readonly #options: SubscribeOptions;
  readonly #cluster: Cluster;
  readonly #reader: Reader;
  readonly #shared: SharedFetches;
  readonly #places = new Map<string, Place>();
  readonly #wake = new AbortController();
  readonly #joinedOnce = Promise.withResolvers<void>();
  #consumer: GroupConsumer | undefined;
  #running: Promise<void> | undefined;
  #passing: NodeJS.Timeout | undefined;
  /** The next commit of a group that commits seldom. */
  #committing: NodeJS.Timeout | undefined;
  #failure: string | undefined;
  #assignFailure: string | undefined;
  #lastPoll = Date.now();

  constructor(
    settings: Settings,
    options: SubscribeOptions,
    { cluster, reader, shared }: { cluster: Cluster; reader: Reader; shared: SharedFetches },
  ) {
    this.#reader = reader;
    this.#shared = shared;
    this.#settings = settings;
    this.#options = options;
    this.#cluster = cluster;
  }

  /**
   * Resolves when the consumer has joined its group, or after the read timeout, with a `failure`. It does not wait for
   * the rebalance of a group with other consumers, because these handle the records until their next heartbeats.
   */
  async start(): Promise<void> {
    const { group, from } = this.#options;
    const topics = [...new Set(this.#options.topics)];
    const heads = await this.#cluster.offsets(topics);
    if (from !== undefined) await this.#cluster.commitStart(group, topics, from);
    const alone = await this.#cluster.isEmpty(group);
    this.#running = this.#run(topics, Object.values(heads).flat().length);
    this.#passing = setInterval(
      () => void this.#passInvisible().catch(() => undefined),
      this.#settings.passEveryMs,
    ).unref();
    if (alone)
      await Promise.race([this.#joinedOnce.promise, pause(this.#settings.readTimeoutMs, this.#wake.signal, false)]);
  }

  async stop(): Promise<void> {
    this.#wake.abort();
    clearInterval(this.#passing);
    for (const { timer } of this.#places.values()) clearTimeout(timer);
    await Promise.all([...this.#places.values()].map(({ handling }) => handling));
    await within(
      COMMIT_AT_STOP_MS,
      () => this.#commitHandled(),
      () => undefined,
    );
    await this.#consumer?.stop();
    await this.#running;
  }

  /**
   * Commits the head of partitions that end with markers of transactions. No handler gets markers, so no batch commits
   * offsets behind them. Removed markers would otherwise look like lost records.
   */
  async #passInvisible(): Promise<void> {
    const consumer = this.#consumer;
    const idle = [...this.#places.values()].filter(({ mine, ready, failures }) => mine && ready && failures === 0);
    const heads = await this.#cluster.offsets([...new Set(idle.map(({ topic }) => topic))]);
    for (const place of idle) {
      const { topic, partition, next } = place;
      const head = heads[topic]![partition] ?? 0;
      if (next >= head || (await this.#reader.read(topic, partition, next, 1)).length > 0) continue;
      if (consumer !== this.#consumer || !place.mine || place.next !== next) continue;
      await consumer?.commit([{ topic, partition, next: head }]);
      place.next = Math.max(place.next, head);
    }
  }

  position(): Position {
    return positionOf([...this.#places.values()].filter(({ mine }) => mine));
  }

  failure(): string | undefined {
    const places = [...this.#places.values()].filter(({ mine }) => mine);
    const loss = places.find((place) => place.loss !== undefined)?.loss;
    return (
      (loss && lossSentence(loss)) ??
      this.#failure ??
      this.#assignFailure ??
      places.find(({ failure }) => failure !== undefined)?.failure
    );
  }

  lastPoll(): number {
    return this.#lastPoll;
  }

  get #stopping(): boolean {
    return this.#wake.signal.aborted;
  }

  async #run(topics: readonly string[], concurrency: number): Promise<void> {
    const { group } = this.#options;
    let former: string | undefined;
    for (let failures = 0; !this.#stopping; failures++) {
      if (
        former !== undefined &&
        !(await this.#cluster.leave(group, former).then(
          () => true,
          () => false,
        ))
      ) {
        await pause(backoffMs(this.#settings.backoff, failures), this.#wake.signal);
        continue;
      }
      const began = performance.now();
      const consumer = (this.#consumer = new GroupConsumer(this.#settings, this.#cluster, this.#shared, {
        group,
        topics,
        concurrency,
        each: (of, at, payload) => this.#each(of, this.#place(at), payload),
        joined: (of, assignment, kept) => this.#joined(of, assignment, kept),
        noticed: (what) => {
          if (what === 'poll') this.#lastPoll = Date.now();
          // While the group rebalances it still takes commits, so that the next owner handles less again.
          else void this.#commitHandled();
        },
        holding: () =>
          [...this.#places.values()].some(({ mine, ready, timer }) => mine && (!ready || timer !== undefined)),
        outOfRange: (of, at) => this.#outOfRange(of, this.#place(at)),
      }));
      const stopped = new Promise<undefined>((resolve) =>
        this.#wake.signal.addEventListener('abort', () => resolve(undefined), { once: true }),
      );
      const error = await Promise.race([consumer.run(), stopped]);
      if (error === undefined) return;
      former = consumer.id;
      consumer.discard();
      for (const place of this.#places.values()) place.release();
      this.#failure = `the consumer ended and is replaced: ${errorType(error)}`;
      this.#settings.logger?.warn({ group, errorType: errorType(error) }, 'a consumer is replaced after a crash');
      if (performance.now() - began > STEADY_MS) failures = 0;
      await pause(backoffMs(this.#settings.backoff, failures), this.#wake.signal);
    }
  }

  #place(at: TopicPartition): Place {
    const key = `${at.topic}/${at.partition}`;
    let place = this.#places.get(key);
    if (place === undefined) this.#places.set(key, (place = new Place(at)));
    return place;
  }

  #joined(consumer: GroupConsumer, assignment: readonly TopicPartition[], kept: boolean): void {
    this.#failure = undefined;
    this.#assignFailure = undefined;
    const now = new Set(assignment.map((at) => this.#place(at)));
    for (const place of this.#places.values()) if (place.mine && (!kept || !now.has(place))) place.release();
    const gained = [...now].filter(({ mine }) => !mine);
    const claim = {};
    for (const place of gained) place.claim = claim;
    // A pause lasts beyond a generation. A partition stays paused until its committed offset is known, because kafkajs
    // would otherwise overwrite it.
    for (const place of now) {
      if (!place.mine || !place.ready) consumer.pause(place);
      else if (place.timer === undefined) consumer.resume(place);
    }
    void this.#assign(consumer, claim, gained);
    this.#joinedOnce.resolve();
  }

  async #assign(consumer: GroupConsumer, claim: object, gained: readonly Place[]): Promise<void> {
    const current = (): Place[] =>
      this.#stopping || consumer !== this.#consumer
        ? []
        : gained.filter((place) => place.claim === claim && !place.ready);
    for (let failures = 0; current().length > 0; failures++) {
      try {
        const context = { settings: this.#settings, options: this.#options, cluster: this.#cluster };
        const whole = new Set(await beginnings(context, consumer, current()));
        const ready = current().filter((place) => whole.has(place));
        if (ready.length > 0)
          await this.#options.assigned?.(ready.map(({ topic, partition }) => ({ topic, partition })));
        this.#assignFailure = undefined;
        for (const place of current().filter((each) => whole.has(each))) {
          place.ready = true;
          consumer.resume(place);
        }
      } catch (error) {
        this.#assignFailure = `assigned: ${handlerFault(error)}`;
      }
      if (current().length > 0) await pause(backoffMs(this.#settings.backoff, failures), this.#wake.signal);
    }
  }

  /** Checks for a loss before the next batch. */
  #outOfRange(consumer: GroupConsumer, place: Place): void {
    if (consumer !== this.#consumer || !place.mine || !place.ready || place.claim === undefined) return;
    place.ready = false;
    consumer.pause(place);
    void this.#assign(consumer, place.claim, [place]);
  }

  async #each(consumer: GroupConsumer, place: Place, payload: EachBatchPayload): Promise<void> {
    // A handler of the partition may still run if a stop did not wait for it. After a crash none runs.
    await place.handling;
    if (this.#stopping || consumer !== this.#consumer || !place.mine) return;
    if (!place.ready) return consumer.pause(place);
    const lingerMs = this.#options.lingerMs ?? 0;
    if (
      lingerMs > 0 &&
      !place.ripe &&
      payload.batch.messages.length < (this.#options.maxRecords ?? DEFAULT_MAX_RECORDS)
    ) {
      place.ripe = true;
      return this.#hold(consumer, place, lingerMs);
    }
    place.ripe = false;
    const handling = this.#handle(consumer, place, payload);
    place.handling = handling.catch(() => undefined);
    return handling;
  }

  async #handle(consumer: GroupConsumer, place: Place, payload: EachBatchPayload): Promise<void> {
    const records = payload.batch.messages.map((message) => toRecordOnce(place.topic, place.partition, message));
    for (let at = 0; at < records.length;) {
      if (this.#stopping || payload.isStale() || !payload.isRunning()) return;
      // A heartbeat before each batch, because handlers may be too short to send one. On an error no handler runs.
      await consumer.heartbeat(payload);
      if (consumer.endIfForgotten()) return;
      const part = cut(records, at, this.#options.maxRecords);
      at += part.length;
      const lost = await this.#deliver(consumer, place, part, payload);
      if (place.failures > 0) {
        if (lost !== undefined) throw lost;
        return this.#hold(consumer, place, backoffMs(this.#settings.backoff, place.failures - 1));
      }
      await this.#commit(place, payload, part, at === records.length);
      if (lost !== undefined) throw lost;
    }
  }

  /**
   * After a failed commit the same records are delivered again, so that no handled offset of a quiet partition stays
   * uncommitted. A group that commits seldom repeats the commit instead.
   */
  async #commit(place: Place, payload: EachBatchPayload, handled: readonly LogRecord[], all: boolean): Promise<void> {
    const { offset } = handled[handled.length - 1]!;
    const before = place.next;
    // The batch includes offsets behind its last record, which compaction or transactions left empty.
    place.next = (all ? Number(payload.batch.lastOffset()) : offset) + 1;
    const { commitMs = 0 } = this.#options;
    if (commitMs > 0) {
      place.uncommitted = true;
      this.#committing ??= setTimeout(() => void this.#commitHandled(), commitMs);
      payload.resolveOffset(String(offset));
      return;
    }
    try {
      await payload.commitOffsetsIfNecessary({
        topics: [
          { topic: payload.batch.topic, partitions: [{ partition: place.partition, offset: String(place.next) }] },
        ],
      });
    } catch (error) {
      place.next = before;
      throw error;
    }
    payload.resolveOffset(String(offset));
  }

  /** Commits what a group that commits seldom has handled. What fails is committed later. */
  async #commitHandled(): Promise<void> {
    clearTimeout(this.#committing);
    this.#committing = undefined;
    const handled = [...this.#places.values()].filter(({ mine, uncommitted }) => mine && uncommitted);
    const places = handled.map(({ topic, partition, next }) => ({ topic, partition, next }));
    if (places.length === 0) return;
    for (const place of handled) place.uncommitted = false;
    await this.#consumer?.commit(places).catch(() => {
      for (const place of handled) place.uncommitted = place.mine;
      // A quiet partition has no next records to commit with.
      if (!this.#stopping) this.#committing ??= setTimeout(() => void this.#commitHandled(), this.#options.commitMs);
    });
  }

  /**
   * Delivers one batch to the handler and sends heartbeats meanwhile. Returns the error of the first failed heartbeat;
   * `place.failures` counts failures of the handler.
   */
  async #deliver(
    consumer: GroupConsumer,
    place: Place,
    records: readonly LogRecord[],
    payload: EachBatchPayload,
  ): Promise<unknown> {
    const { ownership } = consumer;
    const batch: Batch = {
      topic: place.topic,
      partition: place.partition,
      records,
      owned: () => place.mine && ownership.held(),
    };
    let lost: unknown;
    const beat = setInterval(() => {
      consumer.heartbeat(payload).catch((error: unknown) => (lost ??= error));
    }, this.#settings.heartbeatIntervalMs / 2);
    try {
      await this.#options.handle(batch);
      place.handled();
    } catch (error) {
      place.failed(error);
    } finally {
      clearInterval(beat);
    }
    return lost;
  }

  /** Pauses a partition. kafkajs meanwhile fetches other partitions, and later the same records again. */
  #hold(consumer: GroupConsumer, place: Place, ms: number): void {
    consumer.pause(place);
    clearTimeout(place.timer);
    place.timer = setTimeout(() => {
      place.timer = undefined;
      if (consumer === this.#consumer) consumer.resume(place);
    }, ms);
  }
}
