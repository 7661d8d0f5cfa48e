import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import { expect, test } from 'vitest';
import { stateContract } from '../contract/index.ts';
import { openEmbeddedState } from './index.ts';

stateContract('embedded', async () => {
  const folder = await mkdtemp(join(tmpdir(), 'state-'));
  return {
    durable: true,
    open: async (options) => openEmbeddedState({ file: join(folder, 'state.db'), ...options }),
    close: () => rm(folder, { recursive: true, force: true }),
  };
});

test('windows of counters that are over leave no rows', async () => {
  const folder = await mkdtemp(join(tmpdir(), 'state-'));
  const file = join(folder, 'state.db');
  try {
    let now = 0;
    const state = openEmbeddedState({ file, now: () => now });
    for (let i = 0; i < 3000; i++) {
      await state.counters.hit(`register/${i}`, 1000);
      now += 10;
    }
    await state.close();
    const database = new DatabaseSync(file);
    expect(database.prepare('SELECT COUNT(*) AS rows FROM counters').get()!['rows']).toBeLessThan(1200);
    database.close();
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
});

test('brief leases write nothing, and are free when their process ends', async () => {
  const folder = await mkdtemp(join(tmpdir(), 'state-'));
  const file = join(folder, 'state.db');
  try {
    const first = openEmbeddedState({ file });
    const lease = (await first.briefLeases.acquire('download/0', 'dead', 600_000))!;
    await first.briefLeases.renew(lease, 600_000);
    const rows = new DatabaseSync(file, { readOnly: true });
    expect(rows.prepare('SELECT COUNT(*) AS rows FROM leases').get()!['rows']).toBe(0);
    rows.close();
    await first.close();

    const next = openEmbeddedState({ file });
    expect(await next.briefLeases.acquire('download/0', 'me', 1000)).toBeDefined();
    await next.close();
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
});

test('a sole owner finds items of dead processes free, with new fencing tokens', async () => {
  const folder = await mkdtemp(join(tmpdir(), 'state-'));
  const file = join(folder, 'state.db');
  try {
    const first = openEmbeddedState({ file });
    await first.work.put('q', [{ id: 'a', payload: 1 }]);
    const item = await first.work.take('q', 'dead', 600_000);
    const lease = await first.leases.acquire('l', 'dead', 600_000);
    await first.close();

    const patient = openEmbeddedState({ file });
    expect(await patient.work.take('q', 'me', 1000)).toBeUndefined();
    await patient.close();

    const sole = openEmbeddedState({ file, soleOwner: true });
    const taken = await sole.work.take('q', 'me', 1000);
    expect(taken?.fence).toBeGreaterThan(item!.fence);
    expect(await sole.work.done(item!)).toBe(false);
    expect((await sole.leases.acquire('l', 'me', 1000))?.token).toBeGreaterThan(lease!.token);
    expect(await sole.leases.renew(lease!, 1000)).toBe(false);
    await sole.close();
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
});

test('a file of an older build keeps its items, and that build may open the file again', async () => {
  const folder = await mkdtemp(join(tmpdir(), 'state-'));
  const file = join(folder, 'state.db');
  try {
    const older = new DatabaseSync(file);
    // As 0.1.0 wrote it: fencing tokens of one sequence, and a delay beside the lease.
    older.exec(`
      CREATE TABLE work (seq INTEGER PRIMARY KEY AUTOINCREMENT, queue TEXT NOT NULL, id TEXT NOT NULL,
        payload TEXT NOT NULL, attempts INTEGER NOT NULL, fence INTEGER NOT NULL, holder TEXT,
        leased_until INTEGER NOT NULL, not_before INTEGER NOT NULL, done INTEGER NOT NULL, UNIQUE (queue, id));
      CREATE TABLE fences (one INTEGER PRIMARY KEY CHECK (one = 1), value INTEGER NOT NULL);
      INSERT INTO fences VALUES (1, 7);
      INSERT INTO work (queue, id, payload, attempts, fence, holder, leased_until, not_before, done) VALUES
        ('q', 'delayed', '1', 1, 5, NULL, 0, 2000, 0), ('q', 'leased', '2', 1, 7, 'dead', 1500, 0, 0),
        ('q', 'new', '3', 0, 0, NULL, 0, 0, 0), ('q', 'done', 'null', 1, 6, NULL, 1500, 0, 1)`);
    older.close();

    let now = 1000;
    const state = openEmbeddedState({ file, now: () => now });
    const taken = (await state.work.take('q', 'h', 100))!;
    expect(taken).toMatchObject({ id: 'new', payload: 3, attempts: 1 });
    expect(taken.fence).toBeGreaterThan(7);
    expect(await state.work.done(taken)).toBe(true);
    expect(await state.work.take('q', 'h', 100)).toBeUndefined();
    now = 1500;
    const second = (await state.work.take('q', 'h', 1000))!;
    expect([second.id, second.attempts, second.fence > 7]).toEqual(['leased', 2, true]);
    expect(await state.work.take('q', 'h', 100)).toBeUndefined();
    now = 2000;
    const third = (await state.work.take('q', 'h', 1000))!;
    expect([third.id, third.payload]).toEqual(['delayed', 1]);
    await state.work.put('q', [{ id: 'done', payload: 'again' }]);
    expect(await state.work.take('q', 'h', 100)).toBeUndefined();
    await state.close();

    const again = new DatabaseSync(file);
    const { value } = again.prepare('UPDATE fences SET value = value + 1 RETURNING value').get()!;
    expect(value).toBeGreaterThan(Math.max(taken.fence, second.fence, third.fence));
    again.close();
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
});
