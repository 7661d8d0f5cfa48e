import { randomUUID } from 'node:crypto';
import { openMemoryLog } from '../../log/memory/index.ts';
import { eventually, sharedMongo } from '@provider-access/testing';
import { type Db, MongoClient } from 'mongodb';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { ascending, clientsOf, decide, event, seen } from '../../../test/state/mongo-support.ts';
import { whyNotAsked } from '../../views/mongo/testing/explain.ts';
import { applyState, planState } from './index.ts';
import { MissingIndexes } from './indexes.ts';

const notAsked = await whyNotAsked((await sharedMongo()).uri);
let uri: string;
let clients: ReturnType<typeof clientsOf>;
let admin: MongoClient;
let db: Db;
beforeEach(async () => {
  ({ uri } = await sharedMongo());
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

describe('several processes decide', () => {
  it('one appends, another relays, and a third waits for it', async () => {
    const log = openMemoryLog({ partitions: 3 });
    const [appending, , awaiting] = [await clients.open(), await clients.open({ log }), await clients.open()];
    const waiting = awaiting.streams.published('app/1', 2, 60_000);
    expect(await appending.streams.append('app/1', 0, [event(1), event(2)], { n: 2 })).toEqual({
      ok: true,
      version: 2,
    });
    const at = (await waiting)!;
    expect(at['t.decided']!.reduce((a, b) => a + b)).toBe(2);
    expect(await appending.streams.published('app/1', 2, 60_000)).toEqual(at);
    expect((await seen(log)).get('app/1')!.map((e) => e.version)).toEqual([1, 2]);
  });

  it(
    'a relay without anything to publish gives its lease back and rests; a decision of its process, or a wait for ' +
      'one, wakes it',
    async () => {
      const log = openMemoryLog({ partitions: 3 });
      const never = { log, relaySweepMs: 2 ** 31 - 1 };
      const [a, b, decider] = [await clients.open(never), await clients.open(never), await clients.open()];
      await a.streams.append('app/1', 0, [event(1)], {});
      expect(await a.streams.published('app/1', 1, 20_000)).toBeDefined();
      const holder = async (): Promise<unknown> =>
        (await db.collection('state_leases').findOne({ _id: 'relay' as never }))?.['holder'];
      await expect.poll(holder).toBeNull();
      await b.streams.append('app/1', 1, [event(2)], {});
      expect(await b.streams.published('app/1', 2, 20_000)).toBeDefined();
      await expect.poll(holder).toBeNull();
      // A process decided and died before it could start the relay.
      await decider.streams.append('app/1', 2, [event(3)], {});
      expect(await a.streams.published('app/1', 3, 20_000)).toBeDefined();
      expect((await seen(log)).get('app/1')!.map((e) => e.version)).toEqual([1, 2, 3]);
    },
  );

  it('an idle relay finds events of a process that decided and died', async () => {
    const log = openMemoryLog({ partitions: 3 });
    const [, decider] = [await clients.open({ log, relaySweepMs: 50 }), await clients.open()];
    await expect
      .poll(async () => (await db.collection('state_leases').findOne({ _id: 'relay' as never }))?.['holder'] ?? null)
      .toBeNull();
    await decider.streams.append('app/1', 0, [event(1)], {});
    await expect.poll(async () => (await seen(log)).get('app/1')?.length).toBe(1);
  });

  it('each decision once, with several relays at work and one that dies', async () => {
    const log = openMemoryLog({ partitions: 3 });
    const states = await many(4, () => clients.open({ log, relayTtlMs: 300 }));
    const deciding = Promise.all(states.map((state, i) => decide(state, `app/${i % 2}`, 20, `d${i}-`)));
    await states[0]!.claims.get('n', 'k');
    // A relay that died with its lease neither renews nor releases it.
    await db
      .collection('state_leases')
      .updateOne(
        { _id: 'relay' as never },
        { $set: { holder: 'relay/dead', expires: Date.now() + 300 }, $inc: { token: 1 } },
      );
    const decided = (await deciding).flat();
    expect(decided).toHaveLength(80);
    for (const stream of ['app/0', 'app/1']) {
      expect(await states[0]!.streams.published(stream, 40, 60_000)).toBeDefined();
      expect((await seen(log)).get(stream)!.map((e) => e.version)).toEqual(ascending(40));
    }
    // `published` resolves before the relay removes its marker.
    await expect.poll(() => db.collection('state_streams').countDocuments({ waiting: { $exists: true } })).toBe(0);
  });

  it('a decision made after another one was answered comes after it in the log, in whichever process', async () => {
    const log = openMemoryLog({ partitions: 1 });
    log.faults.away = true;
    // A long lease, so that no relay takes over on a slow machine and appends the same events again.
    const states = await many(3, () => clients.open({ log, relayTtlMs: 60_000 }));
    for (let i = 0; i < 120; i++)
      await states[i % 3]!.streams.append(`s/${i % 60}`, Math.floor(i / 60), [event(i)], {});
    log.faults.away = false;
    for (let i = 0; i < 60; i++) await states[0]!.streams.published(`s/${i}`, 2, 60_000);
    const records = await log.read('t.decided', 0, 0, 1000);
    expect(records.map((r) => r.key)).toEqual(Array.from({ length: 120 }, (_, i) => `k${i}`));
  });

  it.skipIf(notAsked)(`keeps long snapshots and refuses a decision that no document holds${notAsked}`, async () => {
    const state = await clients.open();
    const snapshot = { members: Array.from({ length: 60_000 }, (_, i) => `member-${i}`), text: 'é$.\u0000' };
    expect(await state.streams.append('s', 0, [], snapshot)).toMatchObject({ ok: true });
    expect((await state.streams.load('s'))!.snapshot).toEqual(snapshot);
    expect((await db.collection('state_streams').findOne({ _id: 's' as never }))!['snapshot'].length()).toBeLessThan(
      400_000,
    );
    const large = { topic: 't', record: { key: 'k', partitionKey: 'k', headers: {}, value: Buffer.alloc(7_000_000) } };
    await expect(state.streams.append('s', 1, [large, large], {})).rejects.toThrow('larger than');
    // Waiting events fill the document, because the log is unavailable.
    expect(await state.streams.append('s', 1, [large], {})).toMatchObject({ ok: true });
    expect(await state.streams.append('s', 2, [large], {})).toMatchObject({ ok: true });
    await expect(state.streams.append('s', 3, [large], {})).rejects.toThrow('the outbox of a stream is full');
    expect(await state.streams.load('s')).toMatchObject({ version: 3 });
  });
});

describe('several processes race', () => {
  it('for the same keys: each has exactly one owner, and all callers get the same answer', async () => {
    const states = await many(8, () => clients.open());
    const keys = Array.from({ length: 25 }, (_, i) => `k${i}`);
    const owned = await Promise.all(
      states.map((state, i) =>
        i % 2 === 0
          ? state.claims.claimMany(
              'n',
              keys.map((key) => ({ key, owner: `o${i}` })),
            )
          : Promise.all(keys.map((key) => state.claims.claim('n', key, `o${i}`, Date.now() + 600_000))),
      ),
    );
    for (const owners of owned) expect(owners).toEqual(owned[0]);
    const fresh = await Promise.all(
      states.map((state) => Promise.all(keys.map((key) => state.claims.insertOnce('jti', key, Date.now() + 600_000)))),
    );
    keys.forEach((_, i) => expect(fresh.filter((f) => f[i]).length).toBe(1));
  });

  it('for claims that ended: each has exactly one new owner', async () => {
    let at = 1_000_000;
    const states = await many(6, () => clients.open({ now: () => at }));
    const keys = Array.from({ length: 30 }, (_, i) => `k${i}`);
    await states[0]!.claims.claimMany(
      'n',
      keys.map((key) => ({ key, owner: 'old', expiresAt: at + 10 })),
    );
    await Promise.all(keys.map((key) => states[0]!.claims.insertOnce('jti', key, at + 10)));
    at += 10;
    const answers = await Promise.all(
      states.map((state, i) =>
        state.claims.claimMany(
          'n',
          keys.map((key) => ({ key, owner: `o${i}`, expiresAt: at + 10 })),
        ),
      ),
    );
    for (const owners of answers) expect(owners).toEqual(answers[0]);
    expect(answers[0]).not.toContain('old');
    const fresh = await Promise.all(
      states.map((state) => Promise.all(keys.map((key) => state.claims.insertOnce('jti', key, at + 10)))),
    );
    keys.forEach((_, i) => expect(fresh.filter((f) => f[i]).length).toBe(1));
  });

  it('for leases, counts and numbers: one holder, nothing lost, tokens that grow', async () => {
    const now = Date.now();
    const states = await many(6, () => clients.open({ now: () => now }));
    let token = 0;
    for (let round = 0; round < 8; round++) {
      const held = (await Promise.all(states.map((state, i) => state.leases.acquire('l', `h${i}`, 60_000)))).filter(
        (l) => l !== undefined,
      );
      expect(held).toHaveLength(1);
      expect(held[0]!.token).toBeGreaterThan(token);
      token = held[0]!.token;
      await states[0]!.leases.release(held[0]!);
    }
    const hits = (await Promise.all(states.map((state) => many(10, () => state.counters.hit('c', 600_000))))).flat();
    expect(hits.map((h) => h.count).sort((a, b) => a - b)).toEqual(ascending(60));
    expect(new Set(hits.map((h) => h.resetsAt)).size).toBe(1);
  });

  it('for work: each item is taken once, oldest first, under fences that do not repeat', async () => {
    const states = await many(4, () => clients.open());
    await Promise.all(
      states.map((state) =>
        state.work.put(
          'q',
          Array.from({ length: 60 }, (_, i) => ({ id: `i${i}`, payload: i })),
        ),
      ),
    );
    expect(await states[0]!.work.count('q')).toEqual({ ready: 60, leased: 0 });
    const taken = (
      await Promise.all(
        states.map(async (state, i) => {
          const mine = [];
          for (
            let item = await state.work.take('q', `h${i}`, 60_000);
            item !== undefined;
            item = await state.work.take('q', `h${i}`, 60_000)
          ) {
            mine.push(item);
            expect(await state.work.done(item)).toBe(true);
          }
          return mine;
        }),
      )
    ).flat();
    expect(taken).toHaveLength(60);
    expect(new Set(taken.map((t) => t.id)).size).toBe(60);
    expect(new Set(taken.map((t) => t.fence)).size).toBe(60);
    expect(taken.every((t) => t.attempts === 1)).toBe(true);
  });
});

describe('clocks that differ', () => {
  // Leases of half an hour and clocks that differ by hours, so that a slow machine has no effect.
  const MINUTE = 60_000;
  const HOUR = 60 * MINUTE;
  const HALF = HOUR / 2;
  it("are corrected by the server's: hours of difference end no lease, item or presence early", async () => {
    const warned: object[] = [];
    const logger = { warn: (fields: object) => void warned.push(fields) };
    const [ahead, behind, right] = [
      await clients.open({ now: () => Date.now() + 5 * HOUR, alignClock: true, logger }),
      await clients.open({ now: () => Date.now() - 5 * HOUR, alignClock: true, logger }),
      await clients.open({ logger }),
    ];
    expect(warned).toHaveLength(2);
    const lease = (await behind.leases.acquire('l', 'behind', HALF))!;
    expect(lease.expiresAt).toBeLessThan(Date.now()); // in the clock of the caller
    expect(await ahead.leases.acquire('l', 'ahead', HALF)).toBeUndefined();
    expect(await behind.leases.renew(lease, 100)).toBe(true);
    await eventually(async () => (await ahead.leases.acquire('l', 'ahead', HALF)) ?? false);
    expect(await behind.leases.renew(lease, 100)).toBe(false);

    await ahead.work.put('q', [{ id: 'a', payload: 1, notBefore: Date.now() + 5 * HOUR }]); // now, by its own clock
    const item = (await behind.work.take('q', 'behind', HALF))!;
    expect(item.id).toBe('a');
    expect(await ahead.work.take('q', 'ahead', HALF)).toBeUndefined();
    await behind.presence.announce('g', 'behind', 1, HALF);
    await ahead.presence.announce('g', 'ahead', 2, HALF);
    expect((await right.presence.list('g')).map((p) => p.holder)).toEqual(['ahead', 'behind']);
    expect(await ahead.presence.list('g')).toHaveLength(2);
    const hit = await ahead.counters.hit('c', HALF);
    const next = await behind.counters.hit('c', HALF);
    expect(next.count).toBe(2);
    expect(Math.abs(hit.resetsAt - next.resetsAt - 10 * HOUR)).toBeLessThan(MINUTE); // one end, in two clocks
  });

  it('uncorrected, a takeover comes early or late, and one token is valid all the same', async () => {
    const skewed = await clients.open({ now: () => Date.now() + HOUR });
    const right = await clients.open({ now: Date.now });
    const lease = (await right.leases.acquire('l', 'right', HALF))!;
    const taken = (await skewed.leases.acquire('l', 'skewed', HALF))!;
    expect(taken.token).toBeGreaterThan(lease.token);
    expect(await right.leases.renew(lease, HALF)).toBe(false);
    expect(await right.leases.acquire('l', 'right', HALF)).toBeUndefined();
    await right.work.put('q', [{ id: 'a', payload: 1 }]);
    const first = (await right.work.take('q', 'right', HALF))!;
    const second = (await skewed.work.take('q', 'skewed', HALF))!;
    expect(second.fence).toBeGreaterThan(first.fence);
    expect([
      await right.work.heartbeat(first, HALF),
      await right.work.done(first),
      await skewed.work.done(second),
    ]).toEqual([false, false, true]);
    // The clock differs by less than the renewed lease, so no other process gets it.
    const slightly = await clients.open({ now: () => Date.now() + HALF / 2 });
    const kept = (await right.leases.acquire('other', 'right', HALF))!;
    expect(await slightly.leases.acquire('other', 'slightly', HALF)).toBeUndefined();
    expect(await right.leases.renew(kept, HALF)).toBe(true);
  });
});

describe('indexes', () => {
  it('are named when they are missing, created on request, and not changed when they differ', async () => {
    await expect(clients.open({ applyIndexes: false })).rejects.toThrow(MissingIndexes);
    await expect(clients.open({ applyIndexes: false })).rejects.toThrow(
      'state_streams.waiting is missing, state_work.open is missing, state_work.of_app is missing',
    );
    const options = { uri, database: clients.database };
    expect((await planState(options)).map((p) => p.state)).toEqual(Array.from({ length: 8 }, () => 'missing'));
    const applied = await Promise.all([applyState(options), applyState(options)]);
    for (const plan of applied) expect(plan.every((p) => p.state === 'present')).toBe(true);
    expect(await planState(options)).toEqual(applied[0]);
    await clients.open({ applyIndexes: false });
    await db.collection('state_claims').dropIndex('tidy');
    await db.collection('state_claims').createIndex({ tidyAt: 1 }, { name: 'tidy', expireAfterSeconds: 5 });
    await expect(clients.open()).rejects.toThrow('indexes of the state store: state_claims.tidy is different');
  });

  it.skipIf(notAsked)(`serve every frequent query${notAsked}`, async () => {
    const state = await clients.open();
    await state.work.put(
      'q',
      Array.from({ length: 200 }, (_, i) => ({ id: `i${i}`, app: `a${i % 9}`, payload: i })),
    );
    await many(20, (i) => state.streams.append(`s${i}`, 0, [event(i)], {}));
    await state.presence.announce('g', 'h', 1, 1000);
    const plans = await Promise.all([
      db
        .collection('state_work')
        .find({ queue: 'q', open: true, freeAt: { $lte: Date.now() } })
        .sort({ seq: 1 })
        .limit(1)
        .explain(),
      db
        .collection('state_work')
        .find({ queue: 'q', app: 'a', open: true, freeAt: { $lte: Date.now() } })
        .sort({ seq: 1 })
        .limit(1)
        .explain(),
      db
        .collection('state_streams')
        .find({ waiting: { $gt: 0 } })
        .sort({ waiting: 1 })
        .limit(50)
        .explain(),
      db
        .collection('state_presence')
        .find({ group: 'g', expires: { $gt: 0 } })
        .sort({ holder: 1 })
        .explain(),
    ]);
    expect(
      plans.map((plan) =>
        [...JSON.stringify(plan['queryPlanner'].winningPlan).matchAll(/"indexName":"(\w+)"/g)].map((m) => m[1]),
      ),
    ).toEqual([['open'], ['of_app'], ['waiting'], ['group']]);
    for (const plan of plans) expect(JSON.stringify(plan['queryPlanner'].winningPlan)).not.toMatch(/COLLSCAN|"SORT"/);
  });

  it('a TTL index may only delete documents that expired an hour ago, with any clock', async () => {
    const before = Date.now();
    const state = await clients.open({ now: () => 1_000_000 });
    await state.claims.claim('n', 'k', 'o', 1_000_500);
    await state.claims.claim('n', randomUUID(), 'o');
    const [claim, unlimited] = [
      await db.collection('state_claims').findOne({ expires: 1_000_500 }),
      await db.collection('state_claims').findOne({ expires: null }),
    ];
    expect((claim!['tidyAt'] as Date).getTime()).toBeGreaterThanOrEqual(before + 3_600_000);
    expect(unlimited).not.toHaveProperty('tidyAt');
  });
});
