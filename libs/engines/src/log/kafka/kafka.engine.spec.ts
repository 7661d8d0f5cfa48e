import { randomBytes } from 'node:crypto';
import { beforeAll } from 'vitest';
import { LOOPBACK } from '@provider-access/testing';
import { eventLogContract } from '../contract/index.ts';
import type { EventLog } from '../port.ts';
import { useProxiedKafka } from '../../../test/log/kafka/proxied.ts';
import { warmUp } from '../../../test/log/kafka/support.ts';
import { applyTopics, openKafkaLog } from './index.ts';

const used = useProxiedKafka();
beforeAll(() => warmUp(used.kafka.brokers));

eventLogContract('kafka', async ({ partitions, maxRecordBytes, topics }) => {
  const topicPrefix = `${randomBytes(4).toString('hex')}.`;
  const connection = { brokers: [`${LOOPBACK}:${used.proxy.port}`], clientId: 'contract', topicPrefix };
  await applyTopics(
    connection,
    topics.map((name) => ({
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
      if (!yes) return used.proxy.accept();
      await used.proxy.refuse();
      used.proxy.cut();
    },
    destroy: async () => {
      for (const log of opened) await log.close();
    },
  };
});
