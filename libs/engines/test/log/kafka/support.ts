import { randomBytes } from 'node:crypto';
import kafkajs, { type Producer } from 'kafkajs';
import { applyTopics, type KafkaConnection, type KafkaLogOptions, openKafkaLog } from '../../../src/log/kafka/index.ts';
import type { EventLog, NewRecord, TopicDefinition } from '../../../src/log/index.ts';

export const topic = (name: string, more: Partial<TopicDefinition> = {}): TopicDefinition => ({
  name,
  partitions: 4,
  replication: 1,
  minInsyncReplicas: 1,
  retentionMs: 'unlimited',
  compacted: false,
  maxMessageBytes: 1024 * 1024,
  ...more,
});

/** Creates topics with a prefix for one test. */
export async function prefixed(
  brokers: readonly string[],
  topics: readonly TopicDefinition[],
): Promise<KafkaConnection & { readonly topicPrefix: string; readonly groupPrefix: string }> {
  const prefix = `${randomBytes(4).toString('hex')}.`;
  const connection = { brokers, clientId: 'test', topicPrefix: prefix, groupPrefix: prefix };
  await applyTopics(connection, topics);
  return connection;
}

/** A log with short timeouts, so that a fault shows soon. */
export const openLog = (connection: KafkaConnection, more: Partial<KafkaLogOptions> = {}): Promise<EventLog> =>
  openKafkaLog({
    requestTimeoutMs: 5_000,
    sessionTimeoutMs: 6_000,
    heartbeatIntervalMs: 200,
    pollMs: 50,
    readTimeoutMs: 15_000,
    backoff: { firstMs: 10, maxMs: 200 },
    ...connection,
    ...more,
  });

/** For tests with short timeouts, because the first append of a new broker takes seconds on a busy machine. */
export async function warmUp(brokers: readonly string[]): Promise<void> {
  const log = await openLog(await prefixed(brokers, [topic('t')]), { deliveryTimeoutMs: 60_000 });
  await log.append('t', [record('first')]);
  await log.close();
}

/** An idempotent producer of kafkajs as in its documentation, to compare the adapter with. */
export async function naiveProducer(
  connection: KafkaConnection,
  retries = 5,
): Promise<{
  producer: Producer;
  send(topic: string, messages: readonly { partition: number; value: string }[]): Promise<unknown>;
  close(): Promise<void>;
}> {
  const kafka = new kafkajs.Kafka({
    brokers: [...connection.brokers],
    clientId: 'naive',
    logLevel: kafkajs.logLevel.NOTHING,
    requestTimeout: 5_000,
    retry: { initialRetryTime: 20, maxRetryTime: 200, retries },
  });
  const producer = kafka.producer({
    idempotent: true,
    allowAutoTopicCreation: false,
    createPartitioner: kafkajs.Partitioners.DefaultPartitioner,
  });
  await producer.connect();
  return {
    producer,
    send: (name, messages) =>
      producer.send({
        topic: (connection.topicPrefix ?? '') + name,
        acks: -1,
        messages: messages.map(({ partition, value }) => ({ partition, key: 'k', value })),
      }),
    close: () => producer.disconnect(),
  };
}

export const record = (value: string | Uint8Array, partition = 0, key = 'k'): NewRecord => ({
  key,
  partitionKey: key,
  partition,
  headers: { ce_type: 'test.happened.v1' },
  value,
});

/** Values of a topic by partition, in order. */
export async function valuesOf(log: EventLog, name: string): Promise<string[][]> {
  const count = await log.partitions(name);
  const values: string[][] = [];
  for (let partition = 0; partition < count; partition++) {
    const found: string[] = [];
    for (let from = 0; ;) {
      const records = await log.read(name, partition, from, 2000);
      if (records.length === 0) break;
      for (const { value } of records) found.push(Buffer.from(value).toString());
      from = records[records.length - 1]!.offset + 1;
    }
    values.push(found);
  }
  return values;
}
