import { randomBytes } from 'node:crypto';
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
  // A small record first, whose size must not predict the next sizes.
  await writing.append('t', [
    record(new Uint8Array(10)),
    // Bytes that no block would shrink.
    ...Array.from({ length: 12 }, () => record(randomBytes(3 * MIB))),
  ]);
  await writing.close();

  // After the start no earlier record is in memory.
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
  // With 4 MiB in a batch, the first one has the small and a large record, and each other one a large record.
  expect(batches).toEqual([2, ...Array.from({ length: 11 }, () => 1)]);
  expect(loaded).toBe(10 + 12 * 3 * MIB);
  await subscription.stop();
  await log.close();
});
