/* eslint-disable no-restricted-imports, @nx/enforce-module-boundaries -- measures kafkajs itself, on a broker of the tests */
import { randomBytes } from 'node:crypto';
import kafkajs from 'kafkajs';
import { sharedKafka } from '@provider-access/testing';
import { applyTopics, openKafkaLog } from '../src/kafka/index.ts';
import type { NewRecord } from '../src/index.ts';

/**
 * The adapter beside bare kafkajs, the same minute, the same broker (KAFKA_BROKERS, or one started here): records of 1 KB, 500 a call, one
 * partition a send in both. Usage: node --conditions=@provider-access/source --disable-warning=TimeoutNegativeWarning bench/kafka.ts [records]
 */
const count = Number(process.argv[2] ?? 100_000);
const { brokers } = await sharedKafka();
const topicPrefix = `bench-${randomBytes(3).toString('hex')}.`;
const connection = { brokers, clientId: 'bench', topicPrefix };
await applyTopics(connection, ['bare', 'adapter', 'latency', 'derived'].map((name) => ({ name, partitions: 4, replication: 1, minInsyncReplicas: 1, retentionMs: 3_600_000, compacted: false, maxMessageBytes: 1024 * 1024 })));
const value = JSON.stringify({ resource: 'x'.repeat(1_000) });
const headers = { ce_id: 'e-123456789', ce_type: 'payer.resource-recorded.v1', 'content-type': 'application/json' };
const calls = count / 500;

async function rated(what: string, work: () => Promise<unknown>): Promise<void> {
  const cpu = process.cpuUsage();
  const start = performance.now();
  await work();
  const { user, system } = process.cpuUsage(cpu);
  console.log(`${what}: ${Math.round(count / ((performance.now() - start) / 1000))}/s, ${Math.round(count / ((user + system) / 1e6))} a CPU second`);
}
/** Four writers, each to its own partition, each awaiting. */
const write = (call: (partition: number) => Promise<unknown>) => Promise.all([0, 1, 2, 3].map(async (partition) => {
  for (let i = partition; i < calls; i += 4) await call(partition);
}));

const kafka = new kafkajs.Kafka({ brokers, clientId: 'bare', logLevel: kafkajs.logLevel.ERROR });
const producers = await Promise.all([0, 1, 2, 3].map(async () => {
  const producer = kafka.producer({ idempotent: true, createPartitioner: kafkajs.Partitioners.DefaultPartitioner });
  await producer.connect();
  return producer;
}));
await rated('append, bare', () => write((partition) => producers[partition]!.send({ topic: `${topicPrefix}bare`, acks: -1, messages: Array.from({ length: 500 }, () => ({ partition, key: 'k', headers, value })) })));
const log = await openKafkaLog({ ...connection, groupPrefix: topicPrefix });
const record = (partition: number): NewRecord => ({ key: 'k', partitionKey: 'k', partition, headers, value });
await rated('append, adapter', () => write((partition) => log.append('adapter', Array.from({ length: 500 }, () => record(partition)))));
await Promise.all(producers.map((producer) => producer.disconnect()));

const consumer = kafka.consumer({ groupId: `${topicPrefix}bare`, maxWaitTimeInMs: 200 });
await consumer.connect();
await consumer.subscribe({ topics: [`${topicPrefix}bare`], fromBeginning: true });
await rated('consume, bare', () => new Promise<void>((resolve, reject) => {
  let seen = 0;
  consumer.run({ autoCommit: false, partitionsConsumedConcurrently: 4, eachBatch: async ({ batch, resolveOffset, commitOffsetsIfNecessary }) => {
    seen += batch.messages.length;
    resolveOffset(batch.lastOffset());
    await commitOffsetsIfNecessary({ topics: [{ topic: batch.topic, partitions: [{ partition: batch.partition, offset: String(Number(batch.lastOffset()) + 1) }] }] });
    if (seen >= count) resolve();
  } }).catch(reject);
}));
await consumer.disconnect();
await rated('consume, adapter', () => new Promise<void>((resolve) => {
  let seen = 0;
  void log.subscribe({ group: 'adapter', topics: ['adapter'], handle: async ({ records }) => ((seen += records.length) >= count ? resolve() : undefined) });
}));
await rated('follow, adapter', async () => (await log.follow({ topics: ['adapter'], handle: () => undefined })).stop());
await rated('read in ranges of 500, adapter', async () => {
  for (let partition = 0; partition < 4; partition++) for (let from = 0; from < count / 4; from += 500) await log.read('adapter', partition, from, 500);
});

const percentiles = (name: string, times: number[]): void => {
  times.sort((a, b) => a - b);
  console.log(`${name}: p50 ${times[times.length >> 1]!.toFixed(1)} ms, p99 ${times[Math.floor(times.length * 0.99)]!.toFixed(1)} ms, at most ${times.at(-1)!.toFixed(1)} ms`);
};
/** Append to handler, and through a service that derives a topic to a follower of it: the way of an opt-out. */
const times = { handled: [] as number[], followed: [] as number[], appended: [] as number[], heads: [] as number[] };
await log.subscribe({ group: 'latency', topics: ['latency'], handle: async ({ records }) => {
  for (const each of records) times.handled.push(performance.now() - Number(each.key));
  await log.append('derived', records.map(({ key, partition }) => ({ key, partitionKey: key, partition, headers, value })));
} });
await log.follow({ topics: ['derived'], handle: ({ records }) => {
  for (const each of records) times.followed.push(performance.now() - Number(each.key));
} });
for (let i = 0; i < 400; i++) {
  const now = performance.now();
  await log.append('latency', [{ key: String(now), partitionKey: `m${i}`, headers, value }]);
  times.appended.push(performance.now() - now);
  const asked = performance.now();
  await log.head(['latency', 'derived']);
  times.heads.push(performance.now() - asked);
  await new Promise((resolve) => setTimeout(resolve, 10));
}
while (times.followed.length < 400) await new Promise((resolve) => setTimeout(resolve, 5));
percentiles('append of one record', times.appended);
percentiles('head of two topics', times.heads);
percentiles('append to handler', times.handled);
percentiles('append to follower of what the handler derived', times.followed);
await log.close();
process.exit(0);
