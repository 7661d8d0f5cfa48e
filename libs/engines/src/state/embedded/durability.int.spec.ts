import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import { afterEach, beforeEach, expect, it, vi } from 'vitest';
import type { State } from '../port.ts';
import { openEmbeddedState } from './index.ts';

/** What SQLite itself says of `synchronous` at each COMMIT. FULL is 2: it calls fsync. */
const NORMAL = 1;
const FULL = 2;
const commits: number[] = [];
let folder: string;
let state: State;

beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'state-'));
  state = openEmbeddedState({ file: join(folder, 'state.db') });
  const exec = DatabaseSync.prototype.exec;
  vi.spyOn(DatabaseSync.prototype, 'exec').mockImplementation(function (this: DatabaseSync, sql) {
    if (sql === 'COMMIT') commits.push(this.prepare('PRAGMA synchronous').get()!['synchronous'] as number);
    exec.call(this, sql);
  });
  commits.splice(0);
});
afterEach(async () => {
  vi.restoreAllMocks();
  await state.close();
  await rm(folder, { recursive: true, force: true });
});

async function committed(work: () => unknown): Promise<readonly number[]> {
  await work();
  return commits.splice(0);
}
const event = { topic: 't', record: { key: 'k', partitionKey: 'k', headers: {}, value: Buffer.from('{}') } };

it('calls fsync for what must survive a loss of power, also after changes that need not', async () => {
  const { leases, counters, claims, streams, work } = state;
  const durable: readonly (() => Promise<unknown>)[] = [
    () => streams.append('s', 0, [event], {}),
    () => streams.restore('s', 5, {}),
    () => claims.claim('n', 'k', 'owner'),
    () => claims.claimMany('n', [{ key: 'k2', owner: 'owner' }]),
    () => claims.insertOnce('jti', 'k', Date.now() + 60_000),
    () => claims.release('n', 'k', 'owner'),
    () => work.put('q', [{ id: 'a', payload: 1 }]),
    async () => {
      const item = await work.take('q', 'me', 60_000);
      await work.done(item!);
    },
  ];
  for (const change of durable) {
    const found = await committed(change);
    expect(new Set(found), String(change)).toEqual(new Set([FULL]));
    await committed(() => counters.hit('c', 60_000));
    await committed(() => leases.acquire('l', 'me', 60_000));
  }
});

it('calls no fsync for leases and counters', async () => {
  const { leases, counters } = state;
  const lease = (await leases.acquire('l', 'me', 60_000))!;
  // It looks for the row, and then inserts it.
  expect(commits.splice(0)).toEqual([NORMAL, NORMAL]);
  expect(await committed(() => leases.renew(lease, 60_000))).toEqual([NORMAL]);
  expect(await committed(() => leases.release(lease))).toEqual([NORMAL]);
  expect(await committed(() => counters.hit('c', 60_000))).toEqual([NORMAL, NORMAL]);
  expect(await committed(() => counters.hit('c', 60_000))).toEqual([NORMAL]);
  // Changes of one turn of both kinds have a commit each.
  const both = () => Promise.all([leases.acquire('l', 'me', 60_000), state.claims.claim('n', 'k', 'owner')]);
  expect((await committed(both)).toSorted((a, b) => a - b)).toEqual([NORMAL, FULL]);
});

it('shows a lease and a counter to a process that opens the file after this one was killed', async () => {
  await state.leases.acquire('l', 'me', 60_000);
  await state.counters.hit('c', 60_000, 4);
  // The other connection reads the file as it is, without a close of the first one.
  const other = openEmbeddedState({ file: join(folder, 'state.db') });
  expect(await other.leases.acquire('l', 'you', 60_000)).toBeUndefined();
  expect((await other.counters.hit('c', 60_000)).count).toBe(5);
  await other.close();
});
