/**
 * The log port (docs/architecture.md#the-parts). At least once, in order per partition key, positions across
 * partitions.
 */

export interface NewRecord {
  /** Compaction key. */
  readonly key: string;
  /** Chooses the partition (murmur2 as the Java client); order holds per partition key. */
  readonly partitionKey: string;
  /** Overrides the choice by `partitionKey`; must exist. For progress records, which follow their inbound partition. */
  readonly partition?: number;
  readonly headers: Readonly<Record<string, string>>;
  readonly value: string | Uint8Array;
}

export interface LogRecord {
  readonly topic: string;
  readonly partition: number;
  readonly offset: number;
  readonly key: string;
  readonly headers: Readonly<Record<string, string>>;
  readonly value: Uint8Array;
  /** Append time, ms since the epoch. */
  readonly timestamp: number;
  /**
   * Present where a producer set the timestamp (Kafka's CreateTime). Absent: the log set it when it appended the
   * record.
   */
  readonly timestampBy?: 'producer';
}

/** Topic -> next offset to handle, by partition index. A head is exclusive: the offset the next record will get. */
export type Position = Readonly<Record<string, readonly number[]>>;

export interface Appended {
  readonly partition: number;
  readonly offset: number;
}

/** Records of one topic-partition in offset order. */
export interface Batch {
  readonly topic: string;
  readonly partition: number;
  readonly records: readonly LogRecord[];
  /**
   * False once this consumer cannot be sure any more that the partition is its own: its last heartbeat is nearly a
   * session old (a blocked or stopped process), or another consumer has the partition. Ask right before you append what
   * you derived from the batch, and throw EngineUnavailable if the answer is false. Absent where no other process can
   * take a partition (embedded).
   */
  owned?(): boolean;
}

/**
 * Thrown by a handler (or the port) when the engine, and not the event, is at fault: the partition pauses with backoff
 * and the same batch comes again. Any other error is treated the same way, because the port never skips a record. The
 * handler decides what becomes a dead letter.
 */
export class EngineUnavailable extends Error {
  override readonly name = 'EngineUnavailable';
}
/** A record larger than the log takes: the caller refuses it by name. Nothing of its append call was written. */
export class RecordTooLarge extends Error {
  override readonly name = 'RecordTooLarge';
  /** Index in the append call. */
  readonly index: number | undefined;
  /** The record, where the caller of the append knows it. */
  readonly record: NewRecord | undefined;

  constructor(message: string, index?: number, record?: NewRecord) {
    super(message);
    this.index = index;
    this.record = record;
  }
}

/** Records that retention removed before a group had read them. */
export interface Loss {
  readonly group: string;
  readonly topic: string;
  readonly partition: number;
  /** Offset that the group would have read next. */
  readonly from: number;
  /** Offset of the oldest record that is left; exclusive end of the loss. */
  readonly to: number;
  /**
   * False when the group has committed nothing: it is new, or the engine has forgotten it (Kafka:
   * offsets.retention.minutes).
   */
  readonly begun: boolean;
}

export interface SubscribeOptions {
  /** Consumer group: its committed offsets are durable. One consumer of a group handles a partition at a time. */
  readonly group: string;
  readonly topics: readonly string[];
  /** Where a group without committed offsets starts. Default `earliest`. */
  readonly from?: 'earliest' | 'latest' | Position;
  /** Records a batch at most. Default 500. */
  readonly maxRecords?: number;
  /** Value bytes a batch at most (at least one record comes). Default 4 MiB. */
  readonly maxBytes?: number;
  /**
   * How long a batch may wait for more records, ms. Default 0: at once. For consumers that no answer waits for: fewer,
   * larger batches. (Kafka: fetch.max.wait.ms with fetch.min.bytes.)
   */
  readonly lingerMs?: number;
  /**
   * Offsets are committed after it resolves. Must be idempotent: the same batch may come again. One batch a partition
   * at a time; batches of different partitions may overlap.
   */
  handle(batch: Batch): Promise<void>;
  /**
   * Whether an operator has accepted a loss. Asked when retention has removed records before this group read them,
   * again and again until the answer is true. Until then the partition stands still and `failure` names it. Default: a
   * group that has committed nothing begins at what is left, any other stands still.
   */
  accepted?(loss: Loss): Promise<boolean>;
  /** Called when this consumer gets partitions, before their first batch. */
  assigned?(partitions: readonly { topic: string; partition: number }[]): Promise<void> | void;
}

export interface FollowOptions {
  readonly topics: readonly string[];
  /** Default: from the beginning. */
  readonly from?: Position;
  readonly maxRecords?: number;
  handle(batch: Batch): Promise<void> | void;
}

export interface Subscription {
  /** Resolves when nothing is in flight any more. Committed work stays committed. */
  stop(): Promise<void>;
  /** Next offsets to handle, as far as this consumer knows. */
  position(): Position;
  /** Set while the last attempt failed: readiness shows it. PHI-free. */
  failure(): string | undefined;
  /** Time (ms since the epoch) of the last successful poll, also an empty one: liveness is progress. */
  lastPoll(): number;
}

export interface EventLog {
  /** Resolves when durable, with one entry a record in order. Throws EngineUnavailable or RecordTooLarge. */
  append(topic: string, records: readonly NewRecord[]): Promise<readonly Appended[]>;
  subscribe(options: SubscribeOptions): Promise<Subscription>;
  /**
   * Every partition from a position on, no group, no commits; resolves after the records that were there at the call
   * are handled.
   */
  follow(options: FollowOptions): Promise<Subscription>;
  /** Heads of topics (exclusive). */
  head(topics: readonly string[]): Promise<Position>;
  /** Committed position of a group. */
  committed(group: string, topics: readonly string[]): Promise<Position>;
  /**
   * What retention has removed before a group read it; nothing for partitions in which the group has committed nothing.
   */
  losses(group: string, topics: readonly string[]): Promise<readonly Loss[]>;
  /** Reads a range of one partition, for rebuild, dead letters and explain. */
  read(topic: string, partition: number, fromOffset: number, limit: number): Promise<readonly LogRecord[]>;
  partitions(topic: string): Promise<number>;
  /**
   * Removes the oldest records that were appended before a time (ms since the epoch), as far as every subscriber and
   * follower of the topic has handled them. Offsets stay. Absent where the engine does it (Kafka: retention.ms).
   * @returns how many
   */
  trim?(topic: string, beforeTimestamp: number): Promise<number>;
  /**
   * Keeps the last record of each key among those that every subscriber and follower of the topic has handled; offsets
   * stay. Absent where the engine does it (cleanup.policy=compact). @returns how many records it removed
   */
  compact?(topic: string): Promise<number>;
  close(): Promise<void>;
}

/** True when `at` has passed `target` in every partition that `target` names. */
export function reached(at: Position, target: Position): boolean {
  for (const [topic, offsets] of Object.entries(target)) {
    const mine = at[topic] ?? [];
    for (let p = 0; p < offsets.length; p++) if ((offsets[p] ?? 0) > (mine[p] ?? 0)) return false;
  }
  return true;
}
