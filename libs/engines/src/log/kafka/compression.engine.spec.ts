import { createHash, randomBytes } from 'node:crypto';
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import kafkajs, { type Admin } from 'kafkajs';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { eventually, type Kafka, startKafka } from '@provider-access/testing';
import { type Batch, RecordTooLarge } from '../port.ts';
import { Cluster } from './cluster.ts';
import { byLeader, fetchRanges } from './fetch.ts';
import { DECODED_BYTES, FETCH_BYTES, PARTITION_BYTES } from './fetch-limits.ts';
import { settingsOf } from './options.ts';
import { applyTopics, setForTopic } from './topics.ts';
import { openLog, prefixed, record, topic, valuesOf } from '../../../test/log/kafka/support.ts';

let kafka: Kafka;
let admin: Admin;
beforeAll(async () => {
  kafka = await startKafka();
  admin = new kafkajs.Kafka({ brokers: kafka.brokers, logLevel: kafkajs.logLevel.NOTHING }).admin();
  await admin.connect();
});
afterAll(async () => {
  await admin.disconnect();
  await kafka.stop();
});

// The broker compresses with the libraries that Java producers use.
it.each(['gzip', 'snappy', 'lz4', 'zstd'])(
  'reads records compressed with %s, by range and in a group',
  async (codec) => {
    const connection = await prefixed(kafka.brokers, [topic('t', { partitions: 1, maxMessageBytes: 2_000_000 })]);
    await admin.alterConfigs({
      validateOnly: false,
      resources: [
        {
          type: kafkajs.ConfigResourceTypes.TOPIC,
          name: `${connection.topicPrefix}t`,
          configEntries: [
            { name: 'compression.type', value: codec },
            { name: 'max.message.bytes', value: '2065536' },
          ],
        },
      ],
    });
    const log = await openLog(connection);
    // Short, repetitive with every distance, random, and larger than the codecs' blocks.
    const random = Buffer.from(
      Array.from({ length: 70_000 }, (_, i) => 33 + (((i * 2_654_435_761) >>> 7) % 90)),
    ).toString();
    const given = [
      'a',
      '',
      'ab'.repeat(1_000),
      'x'.repeat(300_000),
      random,
      `${random}${random}`,
      JSON.stringify(
        Array.from({ length: 2_000 }, (_, i) => ({ resourceType: 'Claim', id: `claim-${i}`, total: i * 7 })),
      ),
    ];
    await log.append(
      't',
      given.map((value) => record(value)),
    );
    expect((await valuesOf(log, 't'))[0]).toEqual(given);
    const seen: string[] = [];
    const subscription = await log.subscribe({
      group: 'g',
      topics: ['t'],
      handle: async (batch) => void seen.push(...batch.records.map(({ value }) => Buffer.from(value).toString())),
    });
    await eventually(() => seen.length === given.length);
    expect(seen).toEqual(given);
    await subscription.stop();
    await log.close();
  },
);

interface Stored {
  /** Bytes of all record batches. */
  readonly bytes: number;
  /** The number of each batch's codec in Kafka's protocol. */
  readonly codecs: readonly number[];
}

/** What the broker's segments hold of a topic, by Kafka's format of record batches. */
function storedOf(name: string): Stored {
  let bytes = 0;
  const codecs: number[] = [];
  for (const at of readdirSync(kafka.folder, { recursive: true, encoding: 'utf8' })) {
    if (!at.includes(`${name}-`) || !at.endsWith('.log')) continue;
    const segment = readFileSync(join(kafka.folder, at));
    // First offset (8 bytes), length (4), leader's epoch (4), format (1), checksum (4), attributes (2).
    for (let start = 0; start < segment.byteLength; start += 12 + segment.readInt32BE(start + 8))
      codecs.push(segment.readInt16BE(start + 21) & 7);
    bytes += segment.byteLength;
  }
  return { bytes, codecs };
}

const NONE = 0;
const ZSTD = 4;
/** Events of 2.4 kB whose names repeat, as in FHIR, and whose ids and amounts do not. */
const EVENTS = Array.from({ length: 500 }, (_, i) => {
  const id = createHash('sha256').update(`${i}`).digest('hex');
  const item = Array.from({ length: 12 }, (_unused, sequence) => ({
    sequence,
    productOrService: {
      coding: [{ system: 'http://www.ama-assn.org/go/cpt', code: String(90_000 + ((i * 7) % 999)) }],
    },
    servicedDate: `2026-${String((i % 12) + 1).padStart(2, '0')}-10`,
    net: { value: ((i + 1) * (sequence + 3) * 7_919) % 100_003, currency: 'USD' },
  }));
  return JSON.stringify({
    id,
    type: 'payer.claim-recorded.v1',
    data: { resource: { resourceType: 'Claim', id, item } },
  });
});
const inBatches = async (
  name: string,
  connection: Awaited<ReturnType<typeof prefixed>>,
  size: number,
  events = EVENTS,
) => {
  const log = await openLog(connection);
  for (let from = 0; from < events.length; from += size)
    await log.append(
      name,
      events.slice(from, from + size).map((event) => record(event)),
    );
  expect((await valuesOf(log, name))[0]).toEqual(events);
  await log.close();
};

it('keeps events in a quarter of their bytes, each alone in half, and small records as they are', async () => {
  const connection = await prefixed(
    kafka.brokers,
    ['together', 'alone', 'small'].map((name) => topic(name, { partitions: 1 })),
  );
  const bytesOf = (events: readonly string[]): number =>
    events.reduce((sum, event) => sum + Buffer.byteLength(event), 0);
  await inBatches('together', connection, 50);
  const together = storedOf(`${connection.topicPrefix}together`);
  expect(new Set(together.codecs)).toEqual(new Set([ZSTD]));
  expect(together.bytes).toBeLessThan(bytesOf(EVENTS) / 4);
  const few = EVENTS.slice(0, 60);
  await inBatches('alone', connection, 1, few);
  expect(storedOf(`${connection.topicPrefix}alone`).bytes).toBeLessThan(bytesOf(few) / 2);
  const log = await openLog(connection);
  await log.append('small', [record('an opt-out')]);
  expect(storedOf(`${connection.topicPrefix}small`).codecs).toEqual([NONE]);
  await log.close();
});

it('leaves the codec to the topic, so that an operator can turn compression off', async () => {
  const connection = await prefixed(kafka.brokers, [topic('t', { partitions: 1 })]);
  const name = `${connection.topicPrefix}t`;
  await setForTopic(admin, name, { 'compression.type': 'uncompressed' });
  await inBatches('t', connection, 50);
  expect(new Set(storedOf(name).codecs)).toEqual(new Set([NONE]));
  const before = storedOf(name).codecs.length;
  // `pa topics apply` keeps that setting when it changes another one.
  await applyTopics(connection, [topic('t', { partitions: 1, maxMessageBytes: 2 * 1024 * 1024 })]);
  const log = await openLog(connection);
  await log.append('t', [record('x'.repeat(10_000))]);
  expect(storedOf(name).codecs.slice(before)).toEqual([NONE]);
  await log.close();
});

it('the limit of a topic counts compressed bytes, and a send that is too large is cut', async () => {
  const connection = await prefixed(kafka.brokers, [topic('t', { partitions: 1, maxMessageBytes: 100_000 })]);
  const log = await openLog(connection);
  // 80 kB each, which cannot become smaller than 60 kB.
  const random = Array.from({ length: 8 }, () => randomBytes(60_000).toString('base64'));
  await log.append(
    't',
    random.map((value) => record(value)),
  );
  await log.append('t', [record('x'.repeat(500_000))]);
  expect((await valuesOf(log, 't'))[0]).toEqual([...random, 'x'.repeat(500_000)]);
  await expect(log.append('t', [record(randomBytes(300_000).toString('base64'))])).rejects.toThrow(RecordTooLarge);
  await log.append('t', [record('afterwards')]);
  await log.close();
});

it('decodes at most 33 MB of a fetch, whatever a batch was compressed to, and loses nothing behind it', async () => {
  const connection = await prefixed(kafka.brokers, [topic('t', { partitions: 2, maxMessageBytes: 2_000_000 })]);
  const log = await openLog(connection);
  const each = 1_000_000;
  const values = Array.from({ length: 120 }, (_, i) => `${i} `.padEnd(each, '.'));
  for (const [i, value] of values.entries()) await log.append('t', [record(value, i % 2)]);
  const [even, odd] = [0, 1].map((partition) => values.filter((_, i) => i % 2 === partition));
  const settings = settingsOf(connection);
  const cluster = new Cluster(settings);
  const places = [0, 1].map((partition) => ({ topic: 't', partition, next: 0 }));
  const limits = { maxWaitTime: 0, maxBytes: FETCH_BYTES, partitionBytes: PARTITION_BYTES };
  const [node] = await cluster.use('testing', ['t'], async (raw) => [...byLeader(cluster, raw, places)]);
  const ranges = await cluster.use('testing', ['t'], (raw) => fetchRanges(cluster, raw, node!, limits));
  cluster.close();
  const decoded = ranges!.flatMap(([, { records }]) => records).reduce((sum, { value }) => sum + value.byteLength, 0);
  expect(decoded).toBeGreaterThanOrEqual(32_000_000);
  expect(decoded).toBeLessThanOrEqual(DECODED_BYTES + 2 * each);

  expect(await valuesOf(log, 't')).toEqual([even, odd]);
  const seen: string[][] = [[], []];
  const take = ({ partition, records }: Batch): void =>
    records.forEach(({ value }) => seen[partition]!.push(Buffer.from(value).toString()));
  const subscription = await log.subscribe({ group: 'g', topics: ['t'], handle: async (batch) => take(batch) });
  await eventually(() => seen.flat().length >= values.length);
  await subscription.stop();
  expect(seen.map((all) => all.map((value) => value.slice(0, 4)))).toEqual(
    [even, odd].map((all) => all!.map((value) => value.slice(0, 4))),
  );
  seen.forEach((all) => (all.length = 0));
  const follower = await log.follow({ topics: ['t'], handle: take });
  await follower.stop();
  expect(seen.flat()).toHaveLength(values.length);
  await log.close();
});
