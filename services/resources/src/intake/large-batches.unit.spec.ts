import { expect, it } from 'vitest';
import { PAYER_MEMBER_EVENTS } from '@provider-access/events';
import type { Batch, LogRecord } from '@provider-access/engines/log';
import { openMemoryLog } from '@provider-access/engines/log/memory';
import { Metrics, silentLogger } from '@provider-access/service/observability';
import type { RecordsReader } from '@provider-access/records';
import { openMemoryState } from '@provider-access/engines/state/memory';
import { RESOURCES_DEFAULTS } from '../config.ts';
import { CurrentVersions } from './current-versions.ts';
import { RecordIntake, type RecordIntakeOptions } from './record-intake.ts';

const MIB = 1024 * 1024;
const record = (bytes: number, offset: number): LogRecord => ({
  topic: PAYER_MEMBER_EVENTS,
  partition: 0,
  offset,
  key: 'm1',
  headers: {},
  value: new Uint8Array(bytes),
  timestamp: 0,
});
const batch = (...sizes: number[]): Batch => ({ topic: PAYER_MEMBER_EVENTS, partition: 0, records: sizes.map(record) });

/** Records the calls of an intake, in order. Its batches contain no events for resources. */
function intake(factsPassed: RecordIntakeOptions['factsPassed']): {
  handle(batch: Batch): Promise<void>;
  readonly done: string[];
} {
  const done: string[] = [];
  const log = openMemoryLog();
  const append = log.append.bind(log);
  log.append = (topic, records) => (done.push(`append ${topic}`), append(topic, records));
  const view = { waitFor: async () => true, position: async () => ({ topics: {}, derived: {} }) };
  const reader = { views: { records: view }, heads: async () => [] } as unknown as RecordsReader;
  const records = new RecordIntake({
    ports: {
      log,
      state: openMemoryState(),
      clock: { now: () => 0 },
      logger: silentLogger,
      metrics: new Metrics(),
    },
    current: new CurrentVersions(log, reader),
    stages: () => [],
    rules: RESOURCES_DEFAULTS,
    factsPassed,
    reading: { read: async () => (done.push('read'), []) },
  });
  return { handle: (one) => records.handle(one), done };
}

it('lets the facts pass before a batch of megabytes, and never before ordinary ones', async () => {
  const asked: number[] = [];
  let pass: (passed: boolean) => void = () => undefined;
  const { handle, done } = intake((timeoutMs) => {
    asked.push(timeoutMs);
    return new Promise((resolve) => (pass = resolve));
  });
  await handle(batch(...Array.from({ length: 250 }, () => 8000)));
  expect([asked, done.splice(0)]).toEqual([[], ['read', 'append pa.records']]);

  const large = handle(batch(3.9 * MIB));
  expect([asked, done]).toEqual([[2000], []]);
  pass(true);
  await large;
  expect(done).toEqual(['read', 'append pa.records']);
});

it.each<[string, RecordIntakeOptions['factsPassed']]>([
  ['do not pass in time', async () => false],
  ['cannot be asked', () => Promise.reject(new Error('the view is away'))],
])('records it all the same when the facts %s', async (_, factsPassed) => {
  const { handle, done } = intake(factsPassed);
  await handle(batch(3 * MIB));
  expect(done).toEqual(['read', 'append pa.records']);
});
