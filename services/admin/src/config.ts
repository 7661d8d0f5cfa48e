import {
  kafkaEnv,
  kafkaOptions,
  readConfig,
  refuse,
  topicsEnv,
  topicsFaults,
  type Environment,
} from '@provider-access/service/config';
import { topicSettings, type TopicChoices } from '@provider-access/events';
import type { TopicDefinition } from '@provider-access/engines/log';
import { z } from 'zod';

/** The choices of an operator for all topics. */
export interface TopicPlanSettings extends TopicChoices {
  readonly replication: number;
  readonly minInsyncReplicas: number;
}

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

const topicsConfig = z.object({ ...kafkaEnv, ...topicsEnv });
/** @throws ConfigurationError */
export function topicsFromEnv(env: Environment) {
  const config = readConfig(topicsConfig, env);
  refuse(topicsFaults(config));
  const settings: TopicPlanSettings = {
    partitions: config.KAFKA_PARTITIONS,
    replication: config.KAFKA_REPLICATION,
    minInsyncReplicas: config.KAFKA_MIN_INSYNC_REPLICAS,
    payerRetentionDays: config.PAYER_RETENTION_DAYS,
    versionRetentionDays: config.VERSION_RETENTION_DAYS,
    ...(config.KAFKA_MAX_RECORD_BYTES !== undefined && { inboundRecordBytes: config.KAFKA_MAX_RECORD_BYTES }),
  };
  return { connection: kafkaOptions(config, 'admin'), settings };
}
