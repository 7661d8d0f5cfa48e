import { afterAll, beforeAll, expect, it } from 'vitest';
import kafkajs from 'kafkajs';
import { eventually, type Kafka, startKafka } from '@provider-access/testing';
import { type LogRecord, reached } from '../port.ts';
import { openLog, prefixed, record, topic } from '../../../test/log/kafka/support.ts';

let kafka: Kafka;
beforeAll(async () => {
  kafka = await startKafka({ properties: { 'log.cleaner.backoff.ms': '100' } });
});
afterAll(() => kafka.stop());

it(
  'a compacted log has gaps, also inside and at the end of record batches: every reader passes them and reaches ' +
    'the head',
  async () => {
    const connection = await prefixed(kafka.brokers, [topic('t', { partitions: 1, compacted: true })]);
    const admin = new kafkajs.Kafka({ brokers: kafka.brokers, logLevel: kafkajs.logLevel.NOTHING }).admin();
    await admin.connect();
    const settings = {
      'cleanup.policy': 'compact',
      'min.cleanable.dirty.ratio': '0.001',
      'segment.ms': '100',
      'min.compaction.lag.ms': '0',
    };
    await admin.alterConfigs({
      validateOnly: false,
      resources: [
        {
          type: kafkajs.ConfigResourceTypes.TOPIC,
          name: `${connection.topicPrefix}t`,
          configEntries: Object.entries(settings).map(([name, value]) => ({ name, value })),
        },
      ],
    });
    await admin.disconnect();
    const log = await openLog(connection);
    // The values are large enough for compression.
    // Compaction keeps a middle record and the last one of a batch, no record of another batch, and the first one of a
    // third.
    const batch = (...keys: string[]) =>
      log.append(
        't',
        keys.map((key) => record(`${key} ${Math.random()} ${'more '.repeat(250)}`, 0, key)),
      );
    await batch('a', 'b', 'kept-1', 'c', 'kept-2', 'a', 'b', 'c');
    await batch('a', 'b', 'c');
    await batch('kept-3', 'a', 'b', 'c', 'c', 'c');
    const keep = 3;
    let all: readonly LogRecord[] = [];
    // The cleaner only handles closed segments, so an append at intervals closes them.
    await eventually(
      async () => {
        await batch('a', 'b', 'c');
        all = await log.read('t', 0, 0, 10_000);
        return all.filter(({ key, offset }) => offset < 17 && !key.startsWith('kept')).length === 0;
      },
      { interval: 200 },
    );
    expect(all.filter(({ key }) => key.startsWith('kept'))).toHaveLength(keep);
    const offsets = all.map(({ offset }) => offset);
    for (let from = 0; from < 12; from++) {
      const [first] = await log.read('t', 0, from, 1);
      expect(first!.offset).toBe(offsets.find((offset) => offset >= from));
    }
    const followed: number[] = [];
    const follower = await log.follow({
      topics: ['t'],
      maxRecords: 2,
      handle: (found) => void followed.push(...found.records.map(({ offset }) => offset)),
    });
    const handled: number[] = [];
    const subscription = await log.subscribe({
      group: 'g',
      topics: ['t'],
      maxRecords: 2,
      handle: async (found) => void handled.push(...found.records.map(({ offset }) => offset)),
    });
    const head = await log.head(['t']);
    await eventually(
      async () =>
        reached(subscription.position(), head) &&
        reached(follower.position(), head) &&
        reached(await log.committed('g', ['t']), head),
    );
    for (const seen of [followed, handled])
      expect(seen.filter((offset) => offset < 17)).toEqual(offsets.filter((offset) => offset < 17));
    await Promise.all([follower.stop(), subscription.stop()]);
    await log.close();
  },
);
