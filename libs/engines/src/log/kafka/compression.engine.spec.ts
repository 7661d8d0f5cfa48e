import kafkajs, { type Admin } from 'kafkajs';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { eventually, type Kafka, startKafka } from '@provider-access/testing';
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
