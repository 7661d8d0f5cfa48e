import { expect, test } from 'vitest';
import { EngineUnavailable, type EventLog, RecordTooLarge } from '@provider-access/engines/log';
import { openMemoryLog } from '@provider-access/engines/log/memory';
import { watchAppends } from './append-watch.ts';

const given = [{ key: 'k', partitionKey: 'k', headers: {}, value: 'v' }];
const types = async (log: EventLog, topic: string): Promise<(string | undefined)[]> =>
  (await log.read(topic, 0, 0, 100)).map(({ headers }) => headers['ce_type']);
function watched() {
  const memory = openMemoryLog({ partitions: 1 });
  const clock = { now: 0 };
  /** Reads continue, as on a full disk. */
  const disk = { full: false };
  const inner: EventLog = Object.assign(Object.create(memory) as EventLog, {
    append: async (...call: Parameters<EventLog['append']>) => {
      if (disk.full) throw new EngineUnavailable('the log file: database or disk is full');
      return memory.append(...call);
    },
    read: memory.read.bind(memory),
  });
  const { log, check } = watchAppends(inner, { topic: 'probes', now: () => clock.now });
  return { memory, log, check, clock, disk };
}

test(
  'is not ready after an append that the engine refused, and ready again when a probe goes through, without any ' +
    'traffic',
  async () => {
    const { memory, log, check, disk } = watched();
    expect(await check.check()).toEqual({ ready: true });
    disk.full = true;
    await expect(log.append('t', given)).rejects.toThrow(EngineUnavailable);
    for (let i = 0; i < 3; i++)
      expect(await check.check()).toEqual({
        ready: false,
        detail: 'nothing can be appended (the log file: database or disk is full)',
      });
    disk.full = false;
    expect(await check.check()).toEqual({ ready: true });
    for (let i = 0; i < 20; i++) expect(await check.check()).toEqual({ ready: true });
    // One empty record for the outage, and none while everything works.
    expect(await types(memory, 'probes')).toEqual(['pa.gap.v1']);
  },
);

test('an append that succeeds makes it ready without a probe', async () => {
  const { memory, log, check, disk } = watched();
  disk.full = true;
  await expect(log.append('t', given)).rejects.toThrow(EngineUnavailable);
  expect((await check.check()).ready).toBe(false);
  disk.full = false;
  await log.append('t', given);
  expect((await check.check()).ready).toBe(true);
  expect(await types(memory, 'probes')).toEqual([]);
});

test('a record that is too large says nothing about the log', async () => {
  const memory = openMemoryLog({ partitions: 1, maxRecordBytes: 10 });
  const { log, check } = watchAppends(memory, { topic: 'probes' });
  await expect(log.append('payer.member-events', [{ ...given[0]!, value: 'x'.repeat(100) }])).rejects.toThrow(
    RecordTooLarge,
  );
  expect(await check.check()).toEqual({ ready: true });
  expect(await types(memory, 'probes')).toEqual([]);
});

test('one partition that goes on failing costs at most one record in each rest', async () => {
  const { memory, log, check, clock, disk } = watched();
  for (let second = 0; second < 45; second++) {
    clock.now = second * 1000;
    disk.full = true;
    await expect(log.append('t', given)).rejects.toThrow(EngineUnavailable);
    disk.full = false;
    await check.check();
  }
  expect((await types(memory, 'probes')).length).toBe(3);
});

test('a probe that hangs is not sent a second time', async () => {
  const memory = openMemoryLog({ partitions: 1 });
  let calls = 0;
  const inner: EventLog = Object.assign(Object.create(memory) as EventLog, {
    append: () => (calls++ === 0 ? Promise.reject(new EngineUnavailable('away')) : new Promise<never>(() => undefined)),
  });
  const { log, check } = watchAppends(inner, { topic: 'probes', withinMs: 1 });
  await expect(log.append('t', given)).rejects.toThrow(EngineUnavailable);
  for (let i = 0; i < 5; i++) expect((await check.check()).ready).toBe(false);
  expect(calls).toBe(2);
});
