import type { LogRecord, Position } from '../port.ts';
import { Cluster } from './cluster.ts';
import { unavailable } from './errors.ts';
import { type KafkaConnection, settingsOf } from './options.ts';
import { ProducerLane } from './producer-lane.ts';
import { toMessage } from './records.ts';
import { setForTopic, withAdmin } from './topics.ts';

/** A record of another log, with its original time. */
export type PastRecord = Pick<LogRecord, 'key' | 'headers' | 'value' | 'timestamp'>;

/** Copies records into topics with their original partition and time. Topics have their logical names. */
export interface TopicLoader {
  heads(topics: readonly string[]): Promise<Position>;
  /**
   * Returns the first offset. Calls must not overlap. Records may be written despite an error.
   * @throws EngineUnavailable
   */
  append(topic: string, partition: number, records: readonly PastRecord[]): Promise<number>;
  close(): Promise<void>;
}

const TIME = 'message.timestamp.type';

/**
 * Sets whether records have the time of their producer, as loading needs, or that of their append, as `applyTopics`
 * sets it. @throws EngineUnavailable
 */
export function takeTimes(
  connection: KafkaConnection,
  topics: readonly string[],
  from: 'records' | 'append',
): Promise<void> {
  const wanted = { [TIME]: from === 'records' ? 'CreateTime' : 'LogAppendTime' };
  return withAdmin(connection, 'times of topics', async (admin) => {
    for (const topic of topics) await setForTopic(admin, (connection.topicPrefix ?? '') + topic, wanted);
  });
}

export function openTopicLoader(connection: KafkaConnection): TopicLoader {
  const settings = settingsOf(connection);
  const cluster = new Cluster(settings);
  const lane = new ProducerLane(settings);
  return {
    heads: (topics) => cluster.offsets(topics),
    async append(topic, partition, records) {
      try {
        const messages = records.map((record) => ({
          ...toMessage(record, partition),
          timestamp: String(record.timestamp),
        }));
        return await lane.send(cluster.name(topic), partition, messages, settings.deliveryTimeoutMs);
      } catch (error) {
        throw unavailable('loading', error);
      }
    },
    async close() {
      await lane.close();
      cluster.close();
    },
  };
}
