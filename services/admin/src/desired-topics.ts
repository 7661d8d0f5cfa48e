import { topicSettings } from '@provider-access/events';
import type { TopicPlanSettings } from './config.ts';

/** How Kafka is to have a topic. */
export interface TopicDefinition {
  readonly name: string;
  readonly partitions: number;
  readonly replication: number;
  readonly minInsyncReplicas: number;
  readonly retentionMs: number | 'unlimited';
  readonly compacted: boolean;
  readonly maxMessageBytes: number;
}

/** Kafka's limit is of a record batch: its header (61 bytes) and those of the record come on top of what the record may have. */
export const BATCH_OVERHEAD_BYTES = 1024;

/** Every topic of the platform as Kafka is to have it, by its logical name. */
export const desiredTopics = (settings: TopicPlanSettings): readonly TopicDefinition[] =>
  topicSettings(settings).map(({ name, partitions, compacted, retentionMs, maxRecordBytes }) => ({
    name, partitions, compacted, retentionMs, replication: settings.replication, minInsyncReplicas: settings.minInsyncReplicas, maxMessageBytes: maxRecordBytes + BATCH_OVERHEAD_BYTES,
  }));
