import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import { afterEach, beforeEach, expect, it, vi } from 'vitest';
import { SqliteStore } from './sqlite-store.ts';

// ADR 0142: the offset of a group alone is no reason for a transaction with its fsync.

let folder: string;
let store: SqliteStore;
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'offsets-'));
  store = new SqliteStore({ file: join(folder, 'log.db'), changed: () => undefined });
  vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout'] });
});
afterEach(async () => {
  vi.useRealTimers();
  await store.close();
  rmSync(folder, { recursive: true });
});

/** What another process finds in the file. */
function stored(): number | undefined {
  const db = new DatabaseSync(join(folder, 'log.db'), { readOnly: true });
  const row = db.prepare("SELECT next FROM commits WHERE grp = 'g' AND topic = 't'").get();
  db.close();
  return row && Number(row['next']);
}
const RECORD = { key: 'k', partitionKey: 'k', headers: {}, value: 'v' };
const append = () => store.append('t', [{ partition: 0, record: RECORD }]);

it('writes the offset of a group with the next append', async () => {
  store.commit('g', 't', 0, 1);
  vi.advanceTimersByTime(900);
  await store.settled();
  expect([stored(), store.committed('g', 't', 0)]).toEqual([undefined, 1]);
  await append();
  expect(stored()).toBe(1);
});

it('writes the offsets of a second together if nothing is appended', async () => {
  for (let next = 1; next <= 9; next++) {
    store.commit('g', 't', 0, next);
    vi.advanceTimersByTime(100);
    await store.settled();
    expect(stored()).toBeUndefined();
  }
  vi.advanceTimersByTime(100);
  await store.settled();
  expect(stored()).toBe(9);
});

it('writes what waits at a flush', async () => {
  store.commit('g', 't', 0, 3);
  await store.flush();
  expect(stored()).toBe(3);
});
