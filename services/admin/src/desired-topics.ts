import { topicSettings } from '@provider-access/events';
import type { TopicDefinition } from '@provider-access/engines/log';
import type { TopicPlanSettings } from './config.ts';

/** The topics of the platform with the settings that Kafka must have, by logical name. */
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
