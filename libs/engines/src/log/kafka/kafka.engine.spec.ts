import { randomBytes } from 'node:crypto';
import { afterAll, beforeAll } from 'vitest';
import { type Kafka, LOOPBACK, startKafka, tcpProxy, type TcpProxy } from '@provider-access/testing';
import { eventLogContract } from '../contract/index.ts';
import type { EventLog } from '../port.ts';
import { warmUp } from '../../../test/log/kafka/support.ts';
import { applyTopics, openKafkaLog } from './index.ts';

/** The topics of the contract suite. */
const TOPICS = [
  't',
  'empty',
  'a',
  'b',
  'none',
  'in',
  'out',
  'other',
  'payer.member-events',
  'payer.member-events.dead-letter',
];

let kafka: Kafka;
let proxy: TcpProxy;
beforeAll(async () => {
  kafka = await startKafka({ advertise: async (_, port) => (proxy = await tcpProxy({ target: { port } })).port });
  await warmUp(kafka.brokers);
});
afterAll(async () => {
  await proxy.close();
  await kafka.stop();
});

eventLogContract('kafka', async ({ partitions, maxRecordBytes }) => {
  const topicPrefix = `${randomBytes(4).toString('hex')}.`;
  const connection = { brokers: [`${LOOPBACK}:${proxy.port}`], clientId: 'contract', topicPrefix };
  await applyTopics(
    connection,
    TOPICS.map((name) => ({
      name,
      partitions,
      replication: 1,
      minInsyncReplicas: 1,
      retentionMs: 'unlimited',
      compacted: false,
      maxMessageBytes: 2 * maxRecordBytes + 1024 * 1024,
    })),
  );
  const opened: EventLog[] = [];
  return {
    open: async () => {
      const log = await openKafkaLog({
        ...connection,
        groupPrefix: topicPrefix,
        maxRecordBytes,
        deliveryTimeoutMs: 5_000,
        readTimeoutMs: 5_000,
        requestTimeoutMs: 5_000,
        sessionTimeoutMs: 6_000,
        heartbeatIntervalMs: 200,
        pollMs: 50,
        backoff: { firstMs: 1, maxMs: 20 },
      });
      opened.push(log);
      return log;
    },
    away: async (yes) => {
      if (!yes) return proxy.accept();
      await proxy.refuse();
      proxy.cut();
    },
    destroy: async () => {
      for (const log of opened) await log.close();
    },
  };
});
