import { sharedMongo } from '@provider-access/testing';
import { type Db, MongoClient } from 'mongodb';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { clientsOf } from '../../../test/state/mongo-support.ts';

let clients: ReturnType<typeof clientsOf>;
let admin: MongoClient;
let db: Db;
beforeEach(async () => {
  const { uri } = await sharedMongo();
  clients = clientsOf(uri);
  admin = await new MongoClient(uri).connect();
  db = admin.db(clients.database);
});
afterEach(async () => {
  await clients.close();
  await db.dropDatabase();
  await admin.close();
});
const many = <T>(n: number, open: (i: number) => Promise<T>): Promise<T[]> =>
  Promise.all(Array.from({ length: n }, (_, i) => open(i)));

describe('turns of apps', () => {
  it('E75: over several processes, at most as many items of an app start before a new one as workers run', async () => {
    const states = await many(4, () => clients.open());
    const [first] = states as [(typeof states)[0]];
    await first.work.put(
      'q',
      Array.from({ length: 200 }, (_, i) => ({ id: `a${i}`, app: 'a', payload: i })),
    );
    const started: string[] = [];
    let addedAt = -1;
    await Promise.all(
      states.map(async (state, i) => {
        for (;;) {
          const item = await state.work.take('q', `h${i}`, 60_000);
          if (item === undefined) return;
          started.push(item.app!);
          if (started.length === 40) {
            await state.work.put('q', [{ id: 'b', app: 'b', payload: 1 }]);
            addedAt = started.length;
          }
          expect(await state.work.done(item)).toBe(true);
        }
      }),
    );
    expect(started).toHaveLength(201);
    expect(started.indexOf('b') - addedAt).toBeLessThanOrEqual(states.length);
  });

  it('E76: a process of an older release and a new one lose no item and repeat none', async () => {
    const now = Date.now();
    const states = await many(2, () => clients.open({ now: () => now }));
    const [newer] = states as [(typeof states)[0]];
    const work = db.collection<{ _id: string; app?: string }>('state_work');
    // As the release before wrote items, and took the oldest one whoever asked for it.
    const put = (ids: readonly string[], from: number) =>
      work.insertMany(
        ids.map((id, i) => ({
          ...{ _id: `q\n${id}`, queue: 'q', id, payload: '1', attempts: 0, holder: null, freeAt: 0, open: true },
          ...{ seq: from + i, fence: (from + i) * 2 ** 20, op: '' },
        })),
      );
    const takeOldest = () =>
      work.findOneAndUpdate(
        { queue: 'q', open: true, freeAt: { $lte: now } } as never,
        { $set: { holder: 'old', freeAt: now + 60_000 }, $inc: { attempts: 1, fence: 1 } } as never,
        { sort: { seq: 1 }, returnDocument: 'after' },
      );
    const started: string[] = [];
    const round = async (): Promise<void> => {
      const old = (await takeOldest()) as { id?: string } | null;
      if (old?.id !== undefined) started.push(old.id);
      const item = await newer.work.take('q', 'new', 60_000);
      if (item !== undefined) started.push(item.id);
    };
    await newer.work.put(
      'q',
      [0, 1, 2, 3].map((i) => ({ id: `n${i}`, app: 'a', payload: i })),
    );
    await put(['o0', 'o1', 'o2'], 1000);
    for (let i = 0; i < 3; i++) await round();
    await put(['o3', 'o4', 'o5'], 2000);
    await newer.work.put(
      'q',
      [4, 5].map((i) => ({ id: `n${i}`, app: 'b', payload: i })),
    );
    expect(await newer.work.ready(['q'])).toEqual(['q']);
    for (let i = 0; i < 8; i++) await round();
    expect(started.toSorted()).toEqual(['n0', 'n1', 'n2', 'n3', 'n4', 'n5', 'o0', 'o1', 'o2', 'o3', 'o4', 'o5']);
  });
});
