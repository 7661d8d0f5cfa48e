import { randomBytes } from 'node:crypto';
import kafkajs from 'kafkajs';
import type { NewRecord } from '@provider-access/engines/log';
import { applyTopics, openKafkaLog } from '@provider-access/engines/log/kafka';
import { sharedKafka } from '@provider-access/testing';

/**
 * Compares the adapter with bare kafkajs on the same broker (KAFKA_BROKERS, or one that the benchmark starts) at the
 * same time. Records of 1 KB, 500 in a call, one partition in a send. `--bare` omits the adapter, and `--json` prints a
 * last line with all figures. Usage:
 *
 *     node --conditions=@provider-access/source --disable-warning=TimeoutNegativeWarning \
 *       tools/proofs/src/bench/kafka/log.ts [records] [--bare] [--json]
 */
const flags = process.argv.slice(2).filter((a) => a.startsWith('--'));
const count = Number(process.argv.slice(2).find((a) => !a.startsWith('--')) ?? 100_000);
const bareOnly = flags.includes('--bare');
/** Records per second of each measurement; percentiles in ms. */
const figures: Record<string, number> = {};
const { brokers } = await sharedKafka();
const topicPrefix = `bench-${randomBytes(3).toString('hex')}.`;
const connection = { brokers, clientId: 'bench', topicPrefix };
await applyTopics(
  connection,
  ['bare', 'loop', 'adapter', 'latency', 'derived'].map((name) => ({
    name,
    partitions: 4,
    replication: 1,
    minInsyncReplicas: 1,
    retentionMs: 3_600_000,
    compacted: false,
    maxMessageBytes: 1024 * 1024,
  })),
);
const value = JSON.stringify({ resource: 'x'.repeat(1_000) });
const headers = { ce_id: 'e-123456789', ce_type: 'payer.resource-recorded.v1', 'content-type': 'application/json' };
const calls = count / 500;

async function rated(what: string, work: () => Promise<unknown>): Promise<void> {
  const cpu = process.cpuUsage();
  const start = performance.now();
  await work();
  const { user, system } = process.cpuUsage(cpu);
  figures[what] = Math.round(count / ((performance.now() - start) / 1000));
  console.log(`${what}: ${figures[what]}/s, ${Math.round(count / ((user + system) / 1e6))} a CPU second`);
}
/** Four writers with a partition each, which await each call. */
const write = (call: (partition: number) => Promise<unknown>) =>
  Promise.all(
    [0, 1, 2, 3].map(async (partition) => {
      for (let i = partition; i < calls; i += 4) await call(partition);
    }),
  );

const kafka = new kafkajs.Kafka({ brokers, clientId: 'bare', logLevel: kafkajs.logLevel.ERROR });
const producers = await Promise.all(
  [0, 1, 2, 3].map(async () => {
    const producer = kafka.producer({ idempotent: true, createPartitioner: kafkajs.Partitioners.DefaultPartitioner });
    await producer.connect();
    return producer;
  }),
);
const messages = () => Array.from({ length: 500 }, () => ({ key: 'k', headers, value }));
const produce = (topic: string) =>
  write((partition) =>
    producers[partition]!.send({
      topic: `${topicPrefix}${topic}`,
      acks: -1,
      messages: messages().map((message) => ({ ...message, partition })),
    }),
  );

/** A consumer that has joined a group of its own. `all` resolves when it has received and committed every record. */
async function consumer(topic: string): Promise<{ all: Promise<void>; disconnect(): Promise<void> }> {
  const bare = kafka.consumer({ groupId: `${topicPrefix}${topic}`, maxWaitTimeInMs: 200 });
  await bare.connect();
  await bare.subscribe({ topics: [`${topicPrefix}${topic}`], fromBeginning: true });
  const joined = new Promise((resolve) => bare.on(bare.events.GROUP_JOIN, resolve));
  const all = new Promise<void>((resolve, reject) => {
    let seen = 0;
    bare
      .run({
        autoCommit: false,
        partitionsConsumedConcurrently: 4,
        eachBatch: async ({ batch, resolveOffset, commitOffsetsIfNecessary }) => {
          seen += batch.messages.length;
          resolveOffset(batch.lastOffset());
          await commitOffsetsIfNecessary({
            topics: [
              {
                topic: batch.topic,
                partitions: [{ partition: batch.partition, offset: String(Number(batch.lastOffset()) + 1) }],
              },
            ],
          });
          if (seen >= count) resolve();
        },
      })
      .catch(reject);
  });
  await joined;
  return { all, disconnect: () => bare.disconnect() };
}

await rated('append, bare', () => produce('bare'));
const reading = await consumer('loop');
await rated('produce and consume loop, bare', () => Promise.all([produce('loop'), reading.all]));
await reading.disconnect();
await rated('consume, bare', async () => {
  const { all, disconnect } = await consumer('bare');
  await all;
  void disconnect();
});
await Promise.all(producers.map((producer) => producer.disconnect()));
const end = (): never => {
  if (flags.includes('--json')) console.log(JSON.stringify(figures));
  process.exit(0);
};
if (bareOnly) end();

const log = await openKafkaLog({ ...connection, groupPrefix: topicPrefix });
const record = (partition: number): NewRecord => ({ key: 'k', partitionKey: 'k', partition, headers, value });
await rated('append, adapter', () =>
  write((partition) =>
    log.append(
      'adapter',
      Array.from({ length: 500 }, () => record(partition)),
    ),
  ),
);
await rated(
  'consume, adapter',
  () =>
    new Promise<void>((resolve) => {
      let seen = 0;
      void log.subscribe({
        group: 'adapter',
        topics: ['adapter'],
        handle: async ({ records }) => ((seen += records.length) >= count ? resolve() : undefined),
      });
    }),
);
await rated('follow, adapter', async () => (await log.follow({ topics: ['adapter'], handle: () => undefined })).stop());
await rated('read in ranges of 500, adapter', async () => {
  for (let partition = 0; partition < 4; partition++)
    for (let from = 0; from < count / 4; from += 500) await log.read('adapter', partition, from, 500);
});

const percentiles = (name: string, times: number[]): void => {
  times.sort((a, b) => a - b);
  figures[`${name}, p99`] = times[Math.floor(times.length * 0.99)]!;
  console.log(
    `${name}: p50 ${times[times.length >> 1]!.toFixed(1)} ms, p99 ` +
      `${times[Math.floor(times.length * 0.99)]!.toFixed(1)} ms, at most ${times.at(-1)!.toFixed(1)} ms`,
  );
};
/** Latency from an append to a handler, and to a follower of a topic that the handler derives, as for an opt-out. */
const times = { handled: [] as number[], followed: [] as number[], appended: [] as number[], heads: [] as number[] };
await log.subscribe({
  group: 'latency',
  topics: ['latency'],
  handle: async ({ records }) => {
    for (const each of records) times.handled.push(performance.now() - Number(each.key));
    await log.append(
      'derived',
      records.map(({ key, partition }) => ({ key, partitionKey: key, partition, headers, value })),
    );
  },
});
await log.follow({
  topics: ['derived'],
  handle: ({ records }) => {
    for (const each of records) times.followed.push(performance.now() - Number(each.key));
  },
});
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
end();
