import { copyFile, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import { afterEach, beforeEach, expect, it, vi } from 'vitest';
import { openMemoryLog } from '../../log/memory/index.ts';
import type { State, WorkItem } from '../port.ts';
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
    if (sql === 'COMMIT' && this.location()?.endsWith('state.db') === true)
      commits.push(this.prepare('PRAGMA synchronous').get()!['synchronous'] as number);
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
  ];
  for (const change of durable) {
    const found = await committed(change);
    expect(new Set(found), String(change)).toEqual(new Set([FULL]));
    await committed(() => counters.hit('c', 60_000));
    await committed(() => leases.acquire('l', 'me', 60_000));
  }
  // Of work: the item, and the place of a new app in its queue.
  const put = (id: string) => () => work.put('q', [{ id, app: 'app', payload: 1 }]);
  expect(await committed(put('a'))).toEqual([FULL, NORMAL, NORMAL, FULL, NORMAL, FULL]);
  expect(await committed(put('b'))).toEqual([FULL, NORMAL]);
  const taken = async (together: readonly number[]): Promise<WorkItem> => {
    const item = (await work.take('q', 'me', 60_000))!;
    // The number of the service comes later.
    await expect.poll(() => commits).toEqual(together);
    commits.splice(0);
    return item;
  };
  // The first look of a process into a queue also makes the lane of items without an app. The second one looks there.
  await taken([NORMAL, NORMAL, FULL, NORMAL, NORMAL, NORMAL]);
  const item = await taken([NORMAL, NORMAL, NORMAL, NORMAL, NORMAL]);
  expect(await committed(() => work.heartbeat(item, 60_000))).toEqual([NORMAL]);
  expect(await committed(() => work.done(item))).toEqual([NORMAL]);
});

it('gives an item again whose lease and end a loss of power took back, before a change that must survive', async () => {
  const { work } = state;
  const file = join(folder, 'state.db');
  await work.put('q', [{ id: 'a', app: 'app', payload: 1 }]);
  const before = await readFile(`${file}-wal`);
  const first = (await work.take('q', 'me', 60_000))!;
  expect(await work.done(first)).toBe(true);
  // The log of the file as it was after the last fsync. A copy, because an open file would be written again.
  const copy = join(folder, 'copy.db');
  await copyFile(file, copy);
  await writeFile(`${copy}-wal`, before);
  const after = openEmbeddedState({ file: copy, soleOwner: true });
  const again = (await after.work.take('q', 'you', 60_000))!;
  expect(again).toMatchObject({ id: 'a', payload: 1, attempts: 1 });
  expect(await after.work.done(again)).toBe(true);
  expect(await after.work.take('q', 'you', 60_000)).toBeUndefined();
  await after.close();
});

it('gives an item whose wake of the lane a loss of power took back', async () => {
  const { work } = state;
  await work.put('q', [{ id: 'a', app: 'app', payload: 1 }]);
  await work.done((await work.take('q', 'me', 60_000))!);
  // It finds nothing, so the lane rests until somebody puts an item.
  expect(await work.take('q', 'me', 60_000)).toBeUndefined();
  const file = join(folder, 'state.db');
  const lanes = new DatabaseSync(file);
  const before = lanes.prepare("SELECT look_at FROM lanes WHERE queue = 'q' AND app = 'app'").get()!['look_at']!;
  await work.put('q', [{ id: 'b', app: 'app', payload: 2 }]);
  await state.close();
  lanes.prepare("UPDATE lanes SET look_at = ? WHERE queue = 'q' AND app = 'app'").run(before);
  lanes.close();
  state = openEmbeddedState({ file, soleOwner: true });
  expect(await state.work.take('q', 'me', 60_000)).toMatchObject({ id: 'b' });
});

it('takes published events out of the outbox without an fsync, and publishes again what was left', async () => {
  await state.close();
  const log = openMemoryLog({ partitions: 1 });
  const file = join(folder, 'state.db');
  state = openEmbeddedState({ file, log });
  const inLog = async (): Promise<number> => (await log.head(['t']))['t']![0]!;
  commits.splice(0);
  await state.streams.append('s', 0, [event], {});
  await expect.poll(() => commits).toEqual([FULL, NORMAL]);
  expect(await inLog()).toBe(1);
  await state.close();
  // As after a loss of power, which took the second change back.
  const outbox = new DatabaseSync(file);
  outbox
    .prepare("INSERT INTO outbox (stream, version, topic, record, value) VALUES ('s', 1, 't', ?, ?)")
    .run(JSON.stringify({ key: 'k', partitionKey: 'k', headers: {} }), Buffer.from('{}'));
  outbox.close();
  state = openEmbeddedState({ file, log });
  await expect.poll(inLog).toBe(2);
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
