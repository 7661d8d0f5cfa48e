/** The log port (docs/architecture.md#the-parts). It delivers at least once, in order per partition key. */

export interface NewRecord {
  /** Compaction key. */
  readonly key: string;
  /** Determines the partition (murmur2, as in the Java client). Records of one partition key stay in order. */
  readonly partitionKey: string;
  /**
   * Overrides `partitionKey` with an existing partition. Progress records go to the number of their inbound partition.
   */
  readonly partition?: number;
  readonly headers: Readonly<Record<string, string>>;
  /** The log does not need its memory after the append. */
  readonly value: string | Uint8Array;
}

export interface TopicPartition {
  readonly topic: string;
  readonly partition: number;
}

export interface LogRecord extends TopicPartition {
  readonly offset: number;
  readonly key: string;
  readonly headers: Readonly<Record<string, string>>;
  readonly value: Uint8Array;
  /** Append time, ms since the epoch. */
  readonly timestamp: number;
  /** Present if a producer set the timestamp (Kafka's CreateTime). Otherwise the log set it at the append. */
  readonly timestampBy?: 'producer';
}

/** The next offset to handle, by topic and partition. A head is the offset that the next record will get. */
export type Position = Readonly<Record<string, readonly number[]>>;

export interface Appended {
  readonly partition: number;
  readonly offset: number;
}

/** Records of one topic-partition in offset order. */
export interface Batch extends TopicPartition {
  readonly records: readonly LogRecord[];
  /**
   * False once another consumer may own the partition: the last heartbeat is nearly a session old (a blocked or stopped
   * process), or the group has rebalanced. Call it right before you append outputs of the batch, and throw
   * EngineUnavailable if it returns false. Absent where no other process can take a partition (embedded).
   */
  owned?(): boolean;
}

/**
 * A handler or the port throws it when the engine, and not the event, is at fault. The partition pauses with backoff,
 * and the same batch is delivered again. The port treats any other error in the same way, because it never skips a
 * record. Only the handler makes dead letters.
 */
export class EngineUnavailable extends Error {
  override readonly name = 'EngineUnavailable';
}
/** A record that is larger than the log accepts. Nothing of its append call was written. */
export class RecordTooLarge extends Error {
  override readonly name = 'RecordTooLarge';
  /** Index in the append call. */
  readonly index: number | undefined;
  /** The record, if the caller of the append added it. */
  readonly record: NewRecord | undefined;

  constructor(message: string, index?: number, record?: NewRecord) {
    super(message);
    this.index = index;
    this.record = record;
  }
}

/** Records that retention removed before a group had read them. */
export interface Loss extends TopicPartition {
  readonly group: string;
  /** The next offset of the group. */
  readonly from: number;
  /** Offset of the oldest remaining record, which is the exclusive end of the loss. */
  readonly to: number;
  /** False if the group has no commit, because it is new or its offsets expired (Kafka: offsets.retention.minutes). */
  readonly begun: boolean;
}

export interface ConsumerGroup {
  /** Consumer group with durable commits. Only one of its consumers handles a partition at a time. */
  readonly group: string;
  readonly topics: readonly string[];
  /** Most records in a batch. Default 500. A batch with more than one record has at most 4 MiB of values. */
  readonly maxRecords?: number;
}

export interface SubscribeOptions extends ConsumerGroup {
  /** Where a group without committed offsets starts. Default: the beginning. */
  readonly from?: Position;
  /**
   * How long a batch that is not full may wait for more records, ms. Default 0. It gives fewer, larger batches to
   * consumers for which no request waits (Kafka: fetch.max.wait.ms with fetch.min.bytes).
   */
  readonly lingerMs?: number;
  /**
   * How long a commit may wait, ms. Default 0: the port commits after each batch. For a handler that itself knows what
   * it has handled, as a view does. After a crash the port delivers the batches of this time again.
   */
  readonly commitMs?: number;
  /**
   * The port commits offsets after it resolves. It must be idempotent, because the same batch may be delivered again.
   * Batches of one partition never overlap; batches of different partitions may. When it resolves, nobody may need the
   * values any more: the log may use their memory again.
   */
  handle(batch: Batch): Promise<void>;
  /**
   * Whether an operator has accepted a loss. If retention removed unread records, the port calls it repeatedly until it
   * returns true. Until then the partition stops and `failure` reports the loss. Default: a group without commits
   * starts at the oldest remaining record; any other group stops.
   */
  accepted?(loss: Loss): Promise<boolean>;
  /** Called when this consumer gets partitions, before their first batch. */
  assigned?(partitions: readonly TopicPartition[]): Promise<void> | void;
}

export interface FollowOptions {
  readonly topics: readonly string[];
  /** Default: the beginning. */
  readonly from?: Position;
  readonly maxRecords?: number;
  /** As for `SubscribeOptions`, nobody may need the values afterwards. */
  handle(batch: Batch): Promise<void> | void;
}

export interface Subscription {
  /** Resolves when no handler runs any more. */
  stop(): Promise<void>;
  /** Next offsets to handle, as far as this consumer knows. */
  position(): Position;
  /** Set while the last attempt failed, for readiness. It has no protected data. */
  failure(): string | undefined;
  /** Time of the last successful poll, also an empty one, for liveness; ms since the epoch. */
  lastPoll(): number;
}

/** How much of a large request is best appended together. */
export interface AppendSize {
  readonly records: number;
  readonly bytes: number;
}

export interface EventLog {
  /** Absent: the log has no preference. */
  readonly appendSize?: AppendSize;
  /** Resolves when durable, with an entry for each record in order. Throws EngineUnavailable or RecordTooLarge. */
  append(topic: string, records: readonly NewRecord[]): Promise<readonly Appended[]>;
  subscribe(options: SubscribeOptions): Promise<Subscription>;
  /**
   * Reads all partitions from a position on, without a group or commits. Resolves after the records before the heads at
   * the call are handled.
   */
  follow(options: FollowOptions): Promise<Subscription>;
  head(topics: readonly string[]): Promise<Position>;
  committed(group: string, topics: readonly string[]): Promise<Position>;
  /** Records that retention removed before a group read them, in partitions where the group has a commit. */
  losses(group: string, topics: readonly string[]): Promise<readonly Loss[]>;
  /** Reads a range of one partition, for rebuild, dead letters and explain. */
  read(topic: string, partition: number, fromOffset: number, limit: number): Promise<readonly LogRecord[]>;
  partitions(topic: string): Promise<number>;
  /**
   * Removes the oldest records that were appended before a time (ms since the epoch), as far as every subscriber and
   * follower of the topic has handled them. Offsets do not change. Absent if the engine does it (Kafka: retention.ms).
   * @returns how many records it removed
   */
  trim?(topic: string, beforeTimestamp: number): Promise<number>;
  /**
   * Keeps the last record of each key among those that every subscriber and follower of the topic has handled. Offsets
   * do not change. Absent if the engine does it (cleanup.policy=compact). @returns how many records it removed
   */
  compact?(topic: string): Promise<number>;
  /**
   * True if the log delivers the newest records of this process with the `headers` object of their append. Then one
   * can keep what is known of a record by that object (a WeakMap). Absent if records come back from another process.
   */
  readonly handsOnHeaders?: boolean;
  close(): Promise<void>;
}

/** The next offsets of partitions. Any other partition below the highest one of its topic is at 0. */
export function positionOf(
  places: Iterable<TopicPartition & { readonly next: number }>,
  topics: readonly string[] = [],
): Position {
  const position: Record<string, number[]> = Object.fromEntries(topics.map((topic) => [topic, []]));
  for (const { topic, partition, next } of places) {
    const offsets = (position[topic] ??= []);
    while (offsets.length <= partition) offsets.push(0);
    offsets[partition] = next;
  }
  return position;
}

/** Whether `at` has passed `target` in every partition of `target`. */
export function reached(at: Position, target: Position): boolean {
  for (const [topic, offsets] of Object.entries(target)) {
    const mine = at[topic] ?? [];
    for (let p = 0; p < offsets.length; p++) if ((offsets[p] ?? 0) > (mine[p] ?? 0)) return false;
  }
  return true;
}
