import { EngineUnavailable } from '../../log/index.ts';
import { type MemoryLog, openMemoryLog } from '../../log/memory/index.ts';
import { eventually, type Mongo, mongoCommand, startMongo, tcpProxy, type TcpProxy } from '@provider-access/testing';
import { MongoClient } from 'mongodb';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { ascending, clientsOf, decide, event, persist, proxied, seen } from '../../../test/state/mongo-support.ts';

let mongo: Mongo;
let proxy: TcpProxy;
let clients: ReturnType<typeof clientsOf>;
let log: MemoryLog;
beforeAll(async () => {
  mongo = await startMongo();
});
afterAll(() => mongo.stop());
beforeEach(async () => {
  proxy = await tcpProxy({ target: { port: mongo.port }, protocol: 'mongo' });
  clients = clientsOf(mongo.uri);
  const { open } = clients;
  clients.open = (options) => open({ serverSelectionTimeoutMs: 5000, socketTimeoutMs: 5000, ...options });
  log = openMemoryLog({ partitions: 3 });
});
afterEach(async () => {
  await clients.close();
  await proxy.close();
  await log.close();
});

describe('an answer that was lost', () => {
  it.each([1, 2, 3])('%i times: a decision is acknowledged, and made once', async (times) => {
    const state = await clients.open({ uri: proxied(proxy.port), log });
    for (const [command, expected] of [
      ['insert', 0],
      ['findAndModify', 1],
    ] as const) {
      let left = times;
      proxy.dropAnswers(
        (request) => mongoCommand(request) === command && request.includes('state_streams') && left-- > 0,
      );
      expect(await state.streams.append('app/1', expected, [event(expected)], { n: expected })).toEqual({
        ok: true,
        version: expected + 1,
      });
      expect(left).toBeLessThanOrEqual(0);
      proxy.dropAnswers(0);
    }
    await state.streams.published('app/1', 2, 60_000);
    expect((await seen(log)).get('app/1')).toEqual([
      { version: 1, n: 0 },
      { version: 2, n: 1 },
    ]);
  });

  it('a jti that this call inserted is new, a lease has one valid token, an item that was ended is ended', async () => {
    const state = await clients.open({ uri: proxied(proxy.port) });
    const losing = async <T>(command: string, collection: string, call: () => Promise<T>): Promise<T> => {
      let left = 2;
      proxy.dropAnswers((request) => mongoCommand(request) === command && request.includes(collection) && left-- > 0);
      const result = await call();
      proxy.dropAnswers(0);
      expect(left).toBeLessThanOrEqual(0);
      return result;
    };
    const later = Date.now() + 60_000;
    expect(await losing('insert', 'state_claims', () => state.claims.insertOnce('jti', 'j', later))).toBe(true);
    expect(await state.claims.insertOnce('jti', 'j', later)).toBe(false);
    expect(await losing('insert', 'state_claims', () => state.claims.claim('id', 'a', 'm1'))).toBe('m1');

    const lease = (await losing('insert', 'state_leases', () => state.leases.acquire('l', 'a', 60_000)))!;
    expect(await state.leases.renew(lease, 60_000)).toBe(true);
    expect(await state.leases.acquire('l', 'b', 60_000)).toBeUndefined();

    await losing('insert', 'state_work', () =>
      state.work.put('q', [
        { id: 'a', payload: 1 },
        { id: 'b', payload: 2 },
      ]),
    );
    const item = (await losing('findAndModify', 'state_work', () => state.work.take('q', 'h', 60_000)))!;
    expect(item).toMatchObject({ id: 'a', attempts: 1 });
    expect(await state.work.count('q')).toEqual({ ready: 1, leased: 1 });
    expect(await losing('update', 'state_work', () => state.work.done(item))).toBe(true);
    expect(await state.work.done(item)).toBe(false);
    const other = (await state.work.take('q', 'h', 60_000))!;
    expect(await losing('update', 'state_work', () => state.work.release(other, 0))).toBe(true);
    expect(await state.work.release(other, 0)).toBe(false);
  });
});

describe('fail points of the server', () => {
  let admin: MongoClient;
  beforeEach(async () => {
    admin = await new MongoClient(mongo.uri).connect();
  });
  afterEach(async () => {
    await admin.db('admin').command({ configureFailPoint: 'failCommand', mode: 'off' });
    await admin.close();
  });
  const fail = (times: number, data: object): Promise<unknown> =>
    admin.db('admin').command({ configureFailPoint: 'failCommand', mode: { times }, data });

  it('closed connections and a write concern that was not met do not change decisions', async () => {
    const state = await clients.open({ log });
    await fail(2, { failCommands: ['insert', 'findAndModify'], closeConnection: true });
    expect(await state.streams.append('s', 0, [event(1)], {})).toEqual({ ok: true, version: 1 });
    await fail(1, {
      failCommands: ['findAndModify'],
      writeConcernError: { code: 64, errmsg: 'waiting for replication timed out' },
    });
    expect(await state.streams.append('s', 1, [event(2)], {})).toEqual({ ok: true, version: 2 });
    await fail(1, {
      failCommands: ['insert'],
      writeConcernError: { code: 64, errmsg: 'waiting for replication timed out' },
    });
    expect(await state.claims.insertOnce('jti', 'j', Date.now() + 60_000)).toBe(true);
    await fail(1, {
      failCommands: ['insert'],
      writeConcernError: { code: 64, errmsg: 'waiting for replication timed out' },
    });
    expect(await state.claims.claim('id', 'a', 'm')).toBe('m');
    await fail(1, { failCommands: ['update'], errorCode: 10107 });
    await persist(() => state.presence.announce('g', 'h', 1, 60_000)); // the driver looks for another primary first
    expect(await state.presence.list('g')).toHaveLength(1);
    expect(await state.streams.published('s', 2, 60_000)).toBeDefined();
    expect((await seen(log)).get('s')!.map((e) => e.version)).toEqual([1, 2]);
  });

  it('an answer that takes too long is an unavailable engine, without data of the request', async () => {
    const state = await clients.open({ socketTimeoutMs: 1_000 });
    await fail(20, { failCommands: ['find', 'delete'], blockConnection: true, blockTimeMS: 3_000 });
    for (const failure of [
      await state.claims.get('id', 'secret-member').catch((e: unknown) => e),
      await state.claims.release('id', 'secret-member', 'm').catch((e: unknown) => e),
    ]) {
      expect(failure).toBeInstanceOf(EngineUnavailable);
      expect((failure as Error).message).toMatch(/^the state store is away \(/);
      expect(String((failure as Error).stack) + JSON.stringify(failure)).not.toContain('secret-member');
      expect((failure as Error).cause).toBeUndefined();
    }
    await admin.db('admin').command({ configureFailPoint: 'failCommand', mode: 'off' });
    expect(await persist(() => state.claims.get('id', 'secret-member'))).toBeUndefined();
  });
});

describe('a network with faults', () => {
  it('two deciders under cuts: versions go up by one, each is published once as readers see it', async () => {
    const [a, b] = await Promise.all([
      clients.open({ uri: proxied(proxy.port), log }),
      clients.open({ uri: proxied(proxy.port), log }),
    ]);
    let made = 0;
    const interfere = (): void => {
      made++;
      if (made % 3 === 0) proxy.dropAnswers(1);
      else if (made % 2 === 0) proxy.cut();
    };
    const [byA, byB] = await Promise.all([
      decide(a, 'app/1', 25, 'a', interfere),
      decide(b, 'app/1', 25, 'b', interfere),
    ]);
    proxy.dropAnswers(0);
    const head = (await persist(() => a.streams.load<{ n: string }>('app/1')))!;
    expect(await persist(() => b.streams.published('app/1', head.version, 60_000))).toBeDefined();
    const published = (await seen(log)).get('app/1')!;
    expect(published.map((e) => e.version)).toEqual(ascending(head.version));
    // Every acknowledged decision is there. A decision with a lost answer is there completely or not at all.
    const decided = [...byA, ...byB];
    expect(new Set(decided.map((d) => d.version)).size).toBe(50);
    for (const { version, n } of decided) expect(published[version - 1]).toEqual({ version, n });
    expect(published.at(-1)!.n).toBe(head.snapshot.n);
  });

  it('refused, slow and silent: EngineUnavailable, and all calls recover by themselves', async () => {
    const state = await clients.open({
      uri: proxied(proxy.port),
      log,
      serverSelectionTimeoutMs: 1_500,
      socketTimeoutMs: 1_500,
    });
    expect(await state.streams.append('s', 0, [event(1)], {})).toMatchObject({ ok: true });
    await proxy.refuse();
    proxy.cut();
    const calls: (() => Promise<unknown>)[] = [
      () => state.streams.load('s'),
      () => state.streams.append('s', 1, [event(2)], {}),
      () => state.streams.published('s', 1, 100),
      () => state.claims.claim('n', 'k', 'o'),
      () => state.claims.insertOnce('n', 'k2', 1),
      () => state.leases.acquire('l', 'h', 1000),
      () => state.counters.hit('c', 1000),
      () => state.work.put('q', [{ id: 'a', payload: 1 }]),
      () => state.work.take('q', 'h', 1000),
      () => state.work.count('q'),
      () => state.presence.announce('g', 'h', 1, 1000),
      () => state.presence.list('g'),
    ];
    for (const failure of await Promise.all(calls.map((call) => call().catch((e: unknown) => e))))
      expect(failure).toBeInstanceOf(EngineUnavailable);
    await expect(clients.open({ uri: proxied(proxy.port) })).rejects.toBeInstanceOf(EngineUnavailable);
    await proxy.accept();
    const head = (await persist(() => state.streams.load('s')))!;
    expect(await persist(() => state.streams.append('s', head.version, [event(3)], {}))).toMatchObject({ ok: true });
    proxy.delay(40);
    expect(await persist(() => state.claims.claim('n', 'k', 'o'))).toBe('o');
    proxy.delay(0);
    proxy.pause();
    expect(await state.streams.load('s').catch((e: unknown) => e)).toBeInstanceOf(EngineUnavailable);
    proxy.resume();
    expect(await persist(() => state.streams.published('s', head.version + 1, 60_000))).toBeDefined();
    expect((await seen(log)).get('s')!.map((e) => e.version)).toEqual(ascending(head.version + 1));
  });

  it('kill -9 of the server under load: acknowledged writes are there, and callers recover by themselves', async () => {
    const [a, b] = await Promise.all([clients.open({ log }), clients.open({ log })]);
    const claimed = new Map<string, string>();
    let over = false;
    const claiming = (async () => {
      for (let i = 0; !over; i++) claimed.set(`k${i}`, await persist(() => b.claims.claim('n', `k${i}`, `o${i}`)));
    })();
    let made = 0;
    const deciding = Promise.all(['a', 'b'].map((name, i) => decide([a, b][i]!, 's', 40, name, () => made++)));
    for (const decisions of [20, 45]) {
      await eventually(() => made >= decisions, { what: `${decisions} decisions` });
      await mongo.kill();
      await mongo.start();
    }
    const decided = (await deciding).flat();
    over = true;
    await claiming;
    const head = (await persist(() => a.streams.load('s')))!;
    expect(await persist(() => a.streams.published('s', head.version, 60_000))).toBeDefined();
    const published = (await seen(log)).get('s')!;
    expect(published.map((e) => e.version)).toEqual(ascending(head.version));
    for (const { version, n } of decided) expect(published[version - 1]).toEqual({ version, n });
    const owners = await a.claims.claimMany(
      'n',
      [...claimed.keys()].map((key) => ({ key, owner: 'thief' })),
    );
    expect(owners).toEqual([...claimed.values()]);
  });
});
