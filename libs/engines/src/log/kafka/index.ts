import { KafkaLog } from './kafka-log.ts';
import { type KafkaLogOptions, settingsOf } from './options.ts';
import type { EventLog } from '../port.ts';

export type { KafkaConnection, KafkaLogOptions } from './options.ts';

/** The log on Kafka. Resolves when a broker has answered; throws EngineUnavailable. */
export async function openKafkaLog(options: KafkaLogOptions): Promise<EventLog> {
  const log = new KafkaLog(settingsOf(options));
  try {
    await log.reach();
  } catch (error) {
    await log.close();
    throw error;
  }
  return log;
}

export { applyTopics, planTopics } from './topics.ts';
export { openTopicLoader, takeTimes } from './loader.ts';
export type { PastRecord, TopicLoader } from './loader.ts';
export type { TopicChange } from './topics.ts';
