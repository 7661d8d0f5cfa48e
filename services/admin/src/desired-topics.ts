import { topicSettings } from '@provider-access/events';
import type { TopicDefinition } from '@provider-access/engines/log';
import type { TopicPlanSettings } from './config.ts';

/** Every topic of the platform as Kafka is to have it, by its logical name. */
export const desiredTopics = (settings: TopicPlanSettings): readonly TopicDefinition[] =>
  topicSettings(settings).map(({ name, partitions, compacted, retentionMs, maxRecordBytes }) => ({
    name,
    partitions,
    compacted,
    retentionMs,
    replication: settings.replication,
    minInsyncReplicas: settings.minInsyncReplicas,
    maxMessageBytes: maxRecordBytes,
  }));
