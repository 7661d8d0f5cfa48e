import { expect, it } from 'vitest';
import { eventLogContract } from '../contract/index.ts';
import { EngineUnavailable } from '../port.ts';
import { openMemoryLog } from './index.ts';
import type { MemoryData, MemoryLog } from './index.ts';

eventLogContract('memory', async (options) => {
  const data: MemoryData = { topics: new Map(), commits: new Map() };
  const opened: MemoryLog[] = [];
  return {
    open: async () => {
      const log = openMemoryLog({ ...options, data });
      opened.push(log);
      return log;
    },
    away: (yes) => {
      for (const log of opened) log.faults.away = yes;
    },
    destroy: async () => {
      for (const log of opened) await log.close();
    },
  };
});

it('loses the answer of an append that was written', async () => {
  const log = openMemoryLog({ partitions: 1, faults: { loseAnswers: 1 } });
  const given = [{ key: 'k', partitionKey: 'k', headers: {}, value: 'x' }];
  await expect(log.append('t', given)).rejects.toThrow(EngineUnavailable);
  expect(await log.append('t', given)).toEqual([{ partition: 0, offset: 1 }]);
});

it('hands a handled batch out again when its commit was lost', async () => {
  const log = openMemoryLog({ partitions: 1, faults: { loseCommits: 1 } });
  await log.append('t', [{ key: 'k', partitionKey: 'k', headers: {}, value: 'x' }]);
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

it('shows at once what another log on the same data appends', async () => {
  const data: MemoryData = { topics: new Map(), commits: new Map() };
  const [one, other] = [openMemoryLog({ partitions: 1, data }), openMemoryLog({ partitions: 1, data })];
  const seen = new Promise<number>((resolve) => {
    void one.follow({ topics: ['t'], handle: ({ records }) => resolve(records[0]!.offset) });
  });
  await other.append('t', [{ key: 'k', partitionKey: 'k', headers: {}, value: 'x' }]);
  expect(await seen).toBe(0);
  await Promise.all([one.close(), other.close()]);
});
