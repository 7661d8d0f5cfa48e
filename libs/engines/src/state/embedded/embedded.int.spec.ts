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
