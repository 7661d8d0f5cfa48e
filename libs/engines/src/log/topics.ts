/** The settings of a topic on the brokers. */
export interface TopicDefinition {
  /** Logical name, without a deployment's prefix. */
  readonly name: string;
  readonly partitions: number;
  /** Replicas of each partition. */
  readonly replication: number;
  /** Replicas that must have a record before the broker acknowledges it. */
  readonly minInsyncReplicas: number;
  /** The broker may remove older records, ms. */
  readonly retentionMs: number | 'unlimited';
  /** The broker keeps only the last record of each key. */
  readonly compacted: boolean;
  /** Most bytes of a record: value, key and headers. */
  readonly maxMessageBytes: number;
}
