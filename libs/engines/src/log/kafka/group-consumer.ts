import { within } from '@provider-access/kernel';
import kafkajs, { type Consumer, type EachBatchPayload } from 'kafkajs';
import type { TopicPartition } from '../port.ts';
import { type Client, createClient, retryFor } from './client.ts';
import type { Cluster } from './cluster.ts';
import { errorType } from './errors.ts';
import { FETCH_BYTES, PARTITION_BYTES } from './fetch-limits.ts';
import { Ownership } from './ownership.ts';
import type { Settings } from './options.ts';
import { PatientFetch } from './patient-fetch.ts';
import type { SharedFetches } from './shared-fetches.ts';

interface GroupConsumerOptions {
  readonly group: string;
  readonly topics: readonly string[];
  /** Partitions that are handled concurrently. */
  readonly concurrency: number;
  each(consumer: GroupConsumer, at: TopicPartition, payload: EachBatchPayload): Promise<void>;
  /** `kept`: since the assignment before, no other consumer can have had one of the partitions. */
  joined(consumer: GroupConsumer, assignment: readonly TopicPartition[], kept: boolean): void;
  /** `rebalance`: this consumer is about to join its group again, which another one may have joined. */
  noticed(what: 'poll' | 'rebalance'): void;
  /**
   * Whether a partition is paused. The fetch after the current one takes it up again, so fetches must then be short.
   */
  holding(): boolean;
  /** kafkajs found an offset out of range and would continue at the earliest one. */
  outOfRange(consumer: GroupConsumer, at: TopicPartition): void;
}

/**
 * How long kafkajs itself retries before the adapter makes a new consumer, ms. It is short, because kafkajs keeps
 * asking a coordinator that is gone.
 */
const INNER_RETRY_MS = 2_000;
/** How long a fetch waits while a partition is paused, and how long kafkajs sleeps without partitions to fetch, ms. */
const HOLDING_MS = 200;
/** How long a stop waits to leave the group. After that, the group removes the consumer at the end of its session. */
const LEAVE_MS = 3_000;

interface RequestEvent {
  readonly payload: { readonly apiName: string; readonly sentAt: number };
}

/** One kafkajs consumer, from its start to its crash or stop. Afterwards the adapter makes a new one. */
export class GroupConsumer {
  ownership: Ownership;
  /** The id of the consumer in its group; undefined before the first join. */
  id: string | undefined;
  readonly #settings: Settings;
  readonly #cluster: Cluster;
  readonly #options: GroupConsumerOptions;
  readonly #client: Client;
  readonly #consumer: Consumer;
  readonly #fetches: PatientFetch;
  readonly #crashed = Promise.withResolvers<Error>();
  readonly #watch: NodeJS.Timeout;
  /** Whether the next join follows a rebalance of the group, and not a loss of this consumer's session. */
  #orderly = false;
  #joins = 0;
  #heartbeatSentAt = performance.now();

  constructor(settings: Settings, cluster: Cluster, shared: SharedFetches, options: GroupConsumerOptions) {
    this.#settings = settings;
    this.#cluster = cluster;
    this.#options = options;
    this.ownership = new Ownership(settings, -Infinity);
    this.#client = createClient(settings, {
      retryMs: INNER_RETRY_MS,
      onLog: ({ message, topic, partition, error }) => {
        if (message.startsWith('The group is rebalancing')) this.#orderly = /rebalancing/iu.test(error ?? '');
        if (message.startsWith('Offset out of range, resetting') && topic !== undefined && partition !== undefined)
          options.outOfRange(this, { topic: this.#cluster.topic(topic), partition });
      },
    });
    this.#fetches = new PatientFetch(this.#client.kafka, {
      shared,
      sliceMs: settings.heartbeatIntervalMs,
      waitMs: () => (options.holding() ? Math.min(HOLDING_MS, settings.pollMs) : settings.pollMs),
    });
    this.#consumer = this.#client.kafka.consumer({
      groupId: settings.groupPrefix + options.group,
      sessionTimeout: settings.sessionTimeoutMs,
      rebalanceTimeout: settings.rebalanceTimeoutMs,
      heartbeatInterval: settings.heartbeatIntervalMs,
      minBytes: 1,
      maxWaitTimeInMs: HOLDING_MS,
      maxBytes: FETCH_BYTES,
      maxBytesPerPartition: PARTITION_BYTES,
      metadataMaxAge: 60_000,
      allowAutoTopicCreation: false,
      // After every crash the adapter makes a new consumer, so kafkajs must not restart this one.
      retry: { ...retryFor(INNER_RETRY_MS), restartOnFailure: async () => false },
    });
    this.#listen();
    this.#watch = setInterval(() => {
      // A consumer without new records delivers nothing, so only this timer notices.
      if (this.id !== undefined && this.ownership.isForgotten(performance.now())) this.#end();
    }, settings.heartbeatIntervalMs).unref();
  }

  /** Joins and delivers batches until a crash; resolves with its reason. */
  async run(): Promise<Error> {
    try {
      await this.#consumer.connect();
      const topics = this.#options.topics.map((topic) => this.#cluster.name(topic));
      await this.#consumer.subscribe({ topics, fromBeginning: true });
      await this.#consumer.run({
        autoCommit: false,
        eachBatchAutoResolve: false,
        partitionsConsumedConcurrently: this.#options.concurrency,
        eachBatch: (payload) => this.#each(payload),
      });
    } catch (error) {
      return error instanceof Error ? error : new Error('unknown');
    }
    return this.#crashed.promise;
  }

  /** @throws the error of kafkajs */
  async commit(places: readonly (TopicPartition & { readonly next: number })[]): Promise<void> {
    await this.#consumer.commitOffsets(
      places.map(({ topic, partition, next }) => ({
        topic: this.#cluster.name(topic),
        partition,
        offset: String(next),
      })),
    );
  }

  /**
   * Ends this consumer as a crash does, if its last join failed and another consumer may own its partitions. Otherwise
   * kafkajs would go on fetching for ever. It drops its member id when the coordinator does not know it, and without an
   * id it sends no heartbeat. So no answer tells it to join again.
   */
  endIfForgotten(): boolean {
    const forgotten = this.#joins > 0 && !this.ownership.held();
    if (forgotten) this.#end();
    return forgotten;
  }

  #end(): void {
    this.#crashed.resolve(Object.assign(new Error('forgotten by the group'), { code: 'FORGOTTEN_BY_GROUP' }));
  }

  /** The next fetch starts at `next`. */
  seek({ topic, partition }: TopicPartition, next: number): void {
    this.#quietly(() => this.#consumer.seek({ topic: this.#cluster.name(topic), partition, offset: String(next) }));
  }

  pause({ topic, partition }: TopicPartition): void {
    this.#quietly(() => this.#consumer.pause([{ topic: this.#cluster.name(topic), partitions: [partition] }]));
  }

  resume({ topic, partition }: TopicPartition): void {
    this.#quietly(() => this.#consumer.resume([{ topic: this.#cluster.name(topic), partitions: [partition] }]));
  }

  /** Sends a heartbeat when one is due. The caller must not catch errors of kafkajs. */
  async heartbeat(payload: EachBatchPayload): Promise<void> {
    const ownership = this.ownership;
    try {
      await payload.heartbeat();
    } catch (error) {
      const type = errorType(error);
      if (type === 'REBALANCE_IN_PROGRESS') ownership.rebalancing(this.#heartbeatSentAt);
      else if (['UNKNOWN_MEMBER_ID', 'ILLEGAL_GENERATION', 'FENCED_INSTANCE_ID'].includes(type)) ownership.revoke();
      throw error;
    }
  }

  /** Leaves the group after the running handlers. */
  async stop(): Promise<void> {
    const left = this.#consumer.disconnect().catch(() => undefined);
    this.#fetches.stop();
    await within(
      LEAVE_MS,
      () => left,
      () => undefined,
    );
    this.discard();
  }

  /** Ends the connections without leaving the group. */
  discard(): void {
    clearInterval(this.#watch);
    this.ownership.revoke();
    this.#client.retire();
    void this.#consumer.disconnect().catch(() => undefined);
  }

  #listen(): void {
    const { events } = this.#consumer;
    this.#consumer.on(events.REQUEST, (event) => {
      const { apiName, sentAt } = (event as RequestEvent).payload;
      // kafkajs reports times of the system clock. If that clock jumped ahead, the heartbeat seems older, which is
      // safe. If it jumped back, the heartbeat must not seem newer.
      if (apiName === 'JoinGroup') this.#joins++;
      if (apiName === 'Heartbeat' || apiName === 'SyncGroup')
        this.#heartbeatSentAt = performance.now() - Math.max(0, Date.now() - sentAt);
    });
    this.#consumer.on(events.HEARTBEAT, () => this.ownership.heard(this.#heartbeatSentAt));
    this.#consumer.on(events.FETCH, () => this.#options.noticed('poll'));
    this.#consumer.on(events.REBALANCING, () => this.#options.noticed('rebalance'));
    this.#consumer.on(events.GROUP_JOIN, ({ payload }) => {
      this.ownership.revoke();
      this.ownership = new Ownership(this.#settings, this.#heartbeatSentAt);
      // Certain only after a rebalance of the group. Otherwise another consumer may have had the partitions in a
      // generation in between.
      const kept = this.id === payload.memberId && this.#orderly && this.#joins === 1;
      this.#orderly = false;
      this.#joins = 0;
      this.id = payload.memberId;
      const assignment = Object.entries(payload.memberAssignment).flatMap(([name, partitions]) =>
        partitions.map((partition) => ({ topic: this.#cluster.topic(name), partition })),
      );
      this.#options.joined(this, assignment, kept);
    });
    this.#consumer.on(events.CRASH, ({ payload }) => this.#crashed.resolve(payload.error));
  }

  /** kafkajs must get an error of its own class, because it treats any other error as fatal. */
  async #each(payload: EachBatchPayload): Promise<void> {
    try {
      const { topic, partition } = payload.batch;
      await this.#options.each(this, { topic: this.#cluster.topic(topic), partition }, payload);
    } catch (error) {
      throw error instanceof kafkajs.KafkaJSError
        ? error
        : new kafkajs.KafkaJSError('a batch was not handed out', { retriable: true });
    }
  }

  #quietly(work: () => void): void {
    try {
      work();
    } catch {
      // kafkajs throws between a crash and the next start, when there is nothing to pause.
    }
  }
}
