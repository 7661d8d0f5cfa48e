import kafkajs, { type Admin } from 'kafkajs';
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { sharedKafka } from '@provider-access/testing';
import { EngineUnavailable } from '../port.ts';
import { applyTopics, planTopics } from './index.ts';
import { openLog, prefixed, record, topic } from '../../../test/log/kafka/support.ts';

let kafka: Awaited<ReturnType<typeof sharedKafka>>;
let admin: Admin;
let connection: Awaited<ReturnType<typeof prefixed>>;
beforeAll(async () => {
  kafka = await sharedKafka();
  admin = new kafkajs.Kafka({ brokers: kafka.brokers, logLevel: kafkajs.logLevel.NOTHING }).admin();
  await admin.connect();
});
beforeEach(async () => {
  connection = await prefixed(kafka.brokers, []);
});
afterAll(async () => {
  await admin.disconnect();
});

const name = (of: string): string => connection.topicPrefix + of;
async function settings(of: string): Promise<Record<string, string>> {
  const { resources } = await admin.describeConfigs({
    includeSynonyms: false,
    resources: [{ type: kafkajs.ConfigResourceTypes.TOPIC, name: name(of) }],
  });
  return Object.fromEntries(
    resources[0]!.configEntries.map(({ configName, configValue }) => [configName, configValue]),
  );
}

describe('applyTopics', () => {
  it('creates missing topics with their settings, and then has nothing to do', async () => {
    const wanted = [
      topic('records', { partitions: 3, compacted: true, maxMessageBytes: 13 * 1024 * 1024 }),
      topic('events', { retentionMs: 86_400_000 }),
    ];
    expect((await planTopics(connection, wanted)).map(({ kind, topic: of }) => `${kind} ${of}`)).toEqual([
      `create ${name('records')}`,
      `create ${name('events')}`,
    ]);
    expect((await applyTopics(connection, wanted)).map(({ kind }) => kind)).toEqual(['create', 'create']);
    expect(await settings('records')).toMatchObject({
      'cleanup.policy': 'compact',
      'retention.ms': '-1',
      'min.insync.replicas': '1',
      'max.message.bytes': String(13 * 1024 * 1024 + 65_536),
      'message.timestamp.type': 'LogAppendTime',
    });
    expect(await settings('events')).toMatchObject({ 'cleanup.policy': 'delete', 'retention.ms': '86400000' });
    expect(await planTopics(connection, wanted)).toEqual([]);
    expect(await applyTopics(connection, wanted)).toEqual([]);
  });

  it('accepts a record of exactly its configured size', async () => {
    await applyTopics(connection, [topic('t', { maxMessageBytes: 100_000 })]);
    const log = await openLog(connection, { maxRecordBytes: 100_000 });
    const headers = Object.fromEntries(Array.from({ length: 20 }, (_, i) => [`h${i}`, 'x']));
    const rest = 1 + Object.entries(headers).reduce((sum, [key, value]) => sum + key.length + value.length, 0);
    await log.append('t', [{ ...record('x'.repeat(100_000 - rest)), headers }]);
    await log.close();
  });

  it('makes safe changes of settings and keeps the settings of others', async () => {
    await applyTopics(connection, [topic('t', { retentionMs: 1_000_000, maxMessageBytes: 100_000 })]);
    await admin.alterConfigs({
      validateOnly: false,
      resources: [
        {
          type: kafkajs.ConfigResourceTypes.TOPIC,
          name: name('t'),
          configEntries: [
            { name: 'retention.ms', value: '1000000' },
            { name: 'max.message.bytes', value: '200000' },
            { name: 'segment.bytes', value: '2000000' },
          ],
        },
      ],
    });
    // A broker shows a setting a moment after the controller accepted it.
    await expect.poll(() => settings('t')).toMatchObject({ 'segment.bytes': '2000000' });
    const changes = await applyTopics(connection, [
      topic('t', { retentionMs: 'unlimited', maxMessageBytes: 2_000_000 }),
    ]);
    expect(changes.filter(({ kind }) => kind !== 'configure')).toEqual([]);
    expect(changes).toContainEqual({
      kind: 'configure',
      topic: name('t'),
      setting: 'retention.ms',
      is: '1000000',
      wanted: '-1',
    });
    expect(await settings('t')).toMatchObject({
      'retention.ms': '-1',
      'segment.bytes': '2000000',
      'max.message.bytes': '2065536',
      'message.timestamp.type': 'LogAppendTime',
    });
  });

  it(
    'reports differences and leaves them: partitions, replication, a shorter retention, a smaller record, a log that ' +
      'would become compacted',
    async () => {
      await applyTopics(connection, [topic('t', { partitions: 3 })]);
      const wanted = [
        topic('t', { partitions: 6, replication: 3, retentionMs: 1_000, maxMessageBytes: 1, compacted: true }),
      ];
      const changes = await applyTopics(connection, wanted);
      expect(
        changes.map((change) => `${change.kind} ${change.kind === 'create' ? '' : change.setting}`).sort(),
      ).toEqual([
        'differs cleanup.policy',
        'differs max.message.bytes',
        'differs partitions',
        'differs replication',
        'differs retention.ms',
      ]);
      expect(changes).toContainEqual({
        kind: 'differs',
        topic: name('t'),
        setting: 'partitions',
        is: '3',
        wanted: '6',
      });
      expect(await settings('t')).toMatchObject({ 'cleanup.policy': 'delete', 'retention.ms': '-1' });
      expect(await planTopics(connection, wanted)).toEqual(changes);
    },
  );

  it('may run twice at once', async () => {
    const wanted = [topic('a'), topic('b'), topic('c')];
    await Promise.all([1, 2, 3].map(() => applyTopics(connection, wanted)));
    expect(await planTopics(connection, wanted)).toEqual([]);
  });

  it('reports why a topic cannot be created', async () => {
    await expect(applyTopics(connection, [topic('t', { replication: 3 })])).rejects.toThrow(EngineUnavailable);
    await expect(applyTopics(connection, [topic('t', { replication: 3 })])).rejects.toThrow(/REPLICATION_FACTOR/);
  });
});
