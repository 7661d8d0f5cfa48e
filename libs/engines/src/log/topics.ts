/** A topic as a log server is to keep it. */
export interface TopicDefinition {
  /** Logical name, without a deployment's prefix. */
  readonly name: string;
  readonly partitions: number;
  /** Replicas of each partition. */
  readonly replication: number;
  /** Replicas that must have a record before it is acknowledged. */
  readonly minInsyncReplicas: number;
  /** Records older than this may go, ms. */
  readonly retentionMs: number | 'unlimited';
  /** Only the last record of each key stays. */
  readonly compacted: boolean;
  /** Bytes of a record at most: value, key and headers. */
  readonly maxMessageBytes: number;
}
