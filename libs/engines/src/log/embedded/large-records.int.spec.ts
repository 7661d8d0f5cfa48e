import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { StatementSync } from 'node:sqlite';
import { afterEach, expect, it, vi } from 'vitest';
import { eventually } from '@provider-access/testing';
import { openEmbeddedLog } from './index.ts';

const MIB = 1024 * 1024;
const folder = mkdtempSync(join(tmpdir(), 'eventlog-'));
afterEach(() => {
  vi.restoreAllMocks();
  rmSync(folder, { recursive: true, force: true });
});

it('loads each record once for a group, however large its neighbours are', async () => {
  const file = join(folder, 'log.db');
  const writing = openEmbeddedLog({ file, partitions: 1 });
  const record = (value: Uint8Array) => ({ key: 'm1', partitionKey: 'm1', headers: {}, value });
  // One small record first: its size says nothing about the next ones.
  await writing.append('t', [
    record(new Uint8Array(10)),
    ...Array.from({ length: 12 }, () => record(new Uint8Array(3 * MIB))),
  ]);
  await writing.close();

  // Nothing is kept in memory of what was written before the start.
  const log = openEmbeddedLog({ file, partitions: 1 });
  let loaded = 0;
  const { all } = StatementSync.prototype;
  vi.spyOn(StatementSync.prototype, 'all').mockImplementation(function counted(this: StatementSync, ...values) {
    const rows = all.apply(this, values);
    for (const { v } of rows) if (v instanceof Uint8Array) loaded += v.byteLength;
    return rows;
  });
  const batches: number[] = [];
  const subscription = await log.subscribe({
    group: 'g',
    topics: ['t'],
    handle: async ({ records }) => void batches.push(records.length),
  });
  await eventually(() => batches.reduce((a, b) => a + b, 0) === 13);
  // 4 MiB a batch: the small one with the first large one, then one each.
  expect(batches).toEqual([2, ...Array.from({ length: 11 }, () => 1)]);
  expect(loaded).toBe(10 + 12 * 3 * MIB);
  await subscription.stop();
  await log.close();
});
