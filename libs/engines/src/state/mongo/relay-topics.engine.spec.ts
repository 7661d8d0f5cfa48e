import { randomUUID } from 'node:crypto';
import type { EventLog, NewRecord } from '../../log/index.ts';
import { openMemoryLog } from '../../log/memory/index.ts';
import { sharedMongo } from '@provider-access/testing';
import { afterEach, expect, test } from 'vitest';
import type { State } from '../port.ts';
import { openMongoState } from './index.ts';

const open: State[] = [];
afterEach(async () => {
  await Promise.all(open.splice(0).map((state) => state.close()));
});
const event = (topic: string, key: string): { topic: string; record: NewRecord } => ({
  topic,
  record: { key, partitionKey: key, headers: {}, value: key },
});

/** A log as with Kafka's ACLs, where a service appends only to its own topics. */
function only(log: EventLog, topic: string): EventLog & { refused: string[] } {
  const refused: string[] = [];
  return Object.assign(Object.create(log) as EventLog, {
    refused,
    append: (to: string, records: readonly NewRecord[]) => {
      if (to === topic) return log.append(to, records);
      refused.push(to);
      return Promise.reject(new Error('TOPIC_AUTHORIZATION_FAILED'));
    },
  });
}

test(
  'services that share a database publish their own decisions, also while the other is away, and never ask for ' +
    'what is not theirs',
  async () => {
    const { uri } = await sharedMongo();
    const database = `state_${randomUUID().slice(0, 8)}`;
    const log = openMemoryLog();
    const logs = { registry: only(log, 'pa.registry'), exports: only(log, 'pa.exports'), nothing: only(log, '') };
    const service = async (own: EventLog, relayTopics: readonly string[]): Promise<State> => {
      const state = await openMongoState({
        uri,
        database,
        log: own,
        relayTopics,
        relayPollMs: 5,
        relaySweepMs: 20,
        applyIndexes: true,
      });
      open.push(state);
      return state;
    };
    const exporting = await service(logs.exports, ['pa.exports']);
    const consent = await service(logs.nothing, []);
    // Decisions of an auth process that died before it published them, more than fit into a page.
    await Promise.all(
      Array.from({ length: 60 }, (_, i) => consent.streams.append(`app/${i}`, 0, [event('pa.registry', `c${i}`)], {})),
    );
    await exporting.streams.append('export/1', 0, [event('pa.exports', 'j1')], {});
    expect(await exporting.streams.published('export/1', 1, 10_000)).toBeDefined();
    expect(await log.head(['pa.registry'])).toEqual({ 'pa.registry': [0, 0, 0, 0] });

    await service(logs.registry, ['pa.registry']);
    for (let i = 0; i < 60; i++) expect(await consent.streams.published(`app/${i}`, 1, 10_000)).toBeDefined();
    expect([logs.registry.refused, logs.exports.refused, logs.nothing.refused]).toEqual([[], [], []]);
  },
);
