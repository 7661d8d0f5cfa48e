import kafkajs from 'kafkajs';
import { type DomainEvent, encodeEvent, PAYER_MEMBER_EVENTS } from '@provider-access/events';

/** The payer's own systems, which append to Kafka directly. */
export interface PayerLog {
  append(event: DomainEvent): Promise<void>;
  close(): Promise<void>;
}
/** @param env of the processes of a deployment */
export async function openPayerLog(env: Readonly<Record<string, string>>): Promise<PayerLog> {
  const { KAFKA_BROKERS, KAFKA_TOPIC_PREFIX } = env;
  const brokers = KAFKA_BROKERS!.split(',');
  const client = new kafkajs.Kafka({ brokers, clientId: 'payer', logLevel: kafkajs.logLevel.NOTHING });
  const createPartitioner = kafkajs.Partitioners.DefaultPartitioner;
  const producer = client.producer({ allowAutoTopicCreation: false, createPartitioner });
  await producer.connect();
  return {
    async append(event) {
      const { key, headers, value } = encodeEvent(event);
      const messages = [{ key, headers: { ...headers }, value: Buffer.from(value) }];
      await producer.send({ topic: `${KAFKA_TOPIC_PREFIX}${PAYER_MEMBER_EVENTS}`, acks: -1, messages });
    },
    close: () => producer.disconnect(),
  };
}
