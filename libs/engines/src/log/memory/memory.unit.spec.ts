import { inMemory } from '../embedded/recent-records.ts';
import { expect, it, vi } from 'vitest';
import { EngineUnavailable } from '../port.ts';
import { openMemoryLog } from './index.ts';

// The embedded engine, which this log uses, passes the contract of the port.

const given = [{ key: 'k', partitionKey: 'k', headers: {}, value: 'x' }];

it('is there without a file, again after a close, and apart from another', async () => {
  const [one, other] = [openMemoryLog({ partitions: 1 }), openMemoryLog({ partitions: 1 })];
  await one.append('t', given);
  await one.close();
  const again = openMemoryLog({ data: one.data });
  expect((await again.read('t', 0, 0, 10)).map((r) => Buffer.from(r.value).toString())).toEqual(['x']);
  expect(await other.head(['t'])).toEqual({ t: [0] });
  await Promise.all([again.close(), other.close()]);
});

it('does not answer while it is away', async () => {
  const log = openMemoryLog({ partitions: 1 });
  log.faults.away = true;
  await expect(log.append('t', given)).rejects.toThrow(EngineUnavailable);
  await expect(log.head(['t'])).rejects.toThrow(EngineUnavailable);
  await expect(log.committed('g', ['t'])).rejects.toThrow(EngineUnavailable);
  log.faults.away = false;
  expect(await log.append('t', given)).toEqual([{ partition: 0, offset: 0 }]);
  await log.close();
});

it('loses the answer of an append that was written', async () => {
  const log = openMemoryLog({ partitions: 1, faults: { loseAnswers: 1 } });
  await expect(log.append('t', given)).rejects.toThrow(EngineUnavailable);
  expect(await log.append('t', given)).toEqual([{ partition: 0, offset: 1 }]);
});

it('delivers a handled batch again when its commit was lost', async () => {
  const log = openMemoryLog({ partitions: 1, faults: { loseCommits: 1 } });
  await log.append('t', given);
  const seen: number[] = [];
  await new Promise<void>((resolve) => {
    void log.subscribe({
      group: 'g',
      topics: ['t'],
      handle: async (batch) => {
        seen.push(batch.records[0]!.offset);
        if (seen.length === 2) resolve();
      },
    });
  });
  expect(seen).toEqual([0, 0]);
  await log.close();
});

it('shows appends of another log on the same data at once', async () => {
  const one = openMemoryLog({ partitions: 1 });
  const other = openMemoryLog({ data: one.data });
  const seen = new Promise<number>((resolve) => {
    void one.follow({ topics: ['t'], handle: ({ records }) => resolve(records[0]!.offset) });
  });
  await other.append('t', given);
  expect(await seen).toBe(0);
  await Promise.all([one.close(), other.close()]);
});

it('lists more records than a call may have arguments', async () => {
  const log = openMemoryLog({ partitions: 1 });
  await log.append('t', given);
  const [record] = await log.read('t', 0, 0, 1);
  // As a topic of so many records, which would take seconds to write.
  vi.spyOn(log.data.store, 'borrow').mockReturnValue(inMemory(Array.from({ length: 300_000 }, () => record!)));
  expect(log.data.records('t')[0]!.length).toBe(300_000);
  await log.close();
});
