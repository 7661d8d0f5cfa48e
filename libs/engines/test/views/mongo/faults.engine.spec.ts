import { eventually, type Mongo, mongoCommand, startMongo, tcpProxy, type TcpProxy } from '@provider-access/testing';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { EngineUnavailable, type EventLog, type NewRecord } from '@provider-access/engines/log';
import { openMemoryLog } from '@provider-access/engines/log/memory';
import { items, record, totals } from '../../../src/views/contract/fixture.ts';
import { openMongoViews } from '../../../src/views/mongo/index.ts';
import type { Views } from '../../../src/views/port.ts';
import { ProjectionSet } from '../../../src/views/projection-set.ts';
import { testDatabase, type TestDatabase } from './database.ts';

const adds = (from: number, to: number): NewRecord[] =>
  Array.from({ length: to - from }, (_, i) => record(`k${(from + i) % 29}`, { n: 1 }));

describe('mongo: an engine with faults', () => {
  let mongo: Mongo;
  let proxy: TcpProxy;
  let database: TestDatabase;
  let views: Views;
  let log: EventLog;
  let set: ProjectionSet;
  beforeAll(async () => {
    mongo = await startMongo();
    proxy = await tcpProxy({ target: { port: mongo.port }, protocol: 'mongo' });
  });
  afterAll(async () => {
    await proxy.close();
    await mongo.stop();
  });
  beforeEach(async () => {
    database = await testDatabase(mongo.uri); // beside the proxy
    views = await openMongoViews({
      ...database.options,
      uri: `mongodb://127.0.0.1:${proxy.port}/?directConnection=true`,
      socketTimeoutMs: 1000,
    });
    log = openMemoryLog({ partitions: 2 });
    set = new ProjectionSet({ log, views, projections: [totals], maxRecords: 25, verifyMs: 100 });
    await set.start();
  });
  afterEach(async () => {
    proxy.resume();
    await proxy.accept();
    await set.stop();
    await views.close();
    await log.close();
    await database.drop();
  });
  const sum = async (): Promise<number> => {
    const found = await views.reader(totals).find({ index: 'by_sum', limit: 100 });
    return found.reduce((all, d) => all + (d['left'] as { sum: number }).sum, 0);
  };
  const settled = async (expected: number): Promise<void> => {
    await eventually(() =>
      views
        .reader(totals)
        .waitFor({}, 0)
        .catch(() => false),
    );
    await eventually(async () =>
      views
        .reader(totals)
        .waitFor(await log.head(['t.left']), 1000)
        .catch(() => false),
    );
    expect(await sum()).toBe(expected);
    expect(set.failure()).toBeUndefined();
  };
  const fail = (data: object, mode: object = { times: 2 }): Promise<unknown> =>
    database.client.db('admin').command({ configureFailPoint: 'failCommand', mode, data });

  it('counts every record once through connections that are cut while it writes', async () => {
    for (let i = 0; i < 10; i++) {
      await log.append('t.left', adds(i * 20, i * 20 + 20));
      proxy.cut();
    }
    await settled(200);
    expect(await set.rebuild('totals', { graceMs: 0 })).toMatchObject({ equal: true });
  });

  it('counts every record once through answers that are lost', async () => {
    for (const command of ['update', 'find']) {
      let lost = 0;
      proxy.dropAnswers((request) => mongoCommand(request) === command && lost++ % 3 === 0 && lost < 30);
      await log.append('t.left', adds(0, 150));
      await eventually(() => lost > 5);
    }
    proxy.dropAnswers(0);
    await settled(300);
  });

  it('counts every record once when the primary steps down, shuts down, closes or confirms no write', async () => {
    await log.append('t.left', adds(0, 50));
    for (const data of [
      { failCommands: ['update'], errorCode: 10107, errorLabels: ['RetryableWriteError'] },
      { failCommands: ['update', 'find'], errorCode: 91 },
      { failCommands: ['update', 'find'], closeConnection: true },
      { failCommands: ['update'], writeConcernError: { code: 64, errmsg: 'waiting for replication timed out' } },
    ]) {
      await fail(data, { times: 3 });
      await log.append('t.left', adds(0, 50));
      await eventually(async () =>
        views
          .reader(totals)
          .waitFor(await log.head(['t.left']), 500)
          .catch(() => false),
      );
      await fail({ failCommands: [] }, 'off' as never);
    }
    await settled(250);
  });

  it(
    'throws EngineUnavailable in seconds, without data, while the server hangs or is unavailable, and continues ' +
      'afterwards',
    async () => {
      await log.append('t.left', adds(0, 30));
      await settled(30);
      const refused = async (): Promise<void> => {
        for (const ask of [
          () => views.reader(totals).get('member-4711'),
          () => views.reader(totals).find({ index: 'by_sum', limit: 1 }),
          () => views.reader(totals).waitFor({ 't.left': [9999] }, 5000),
        ]) {
          const error = await ask().then(
            () => undefined,
            (e: unknown) => e as Error,
          );
          expect(error).toBeInstanceOf(EngineUnavailable);
          expect(error!.message).toMatch(/^the view store is away \(\w+( \d+)?\)$/);
        }
      };
      proxy.pause();
      await refused();
      await log.append('t.left', adds(30, 60));
      proxy.resume();
      await settled(60);
      await proxy.refuse();
      proxy.cut();
      await refused();
      await log.append('t.left', adds(60, 90));
      await proxy.accept();
      await settled(90);
      await expect(
        openMongoViews({
          uri: 'mongodb://127.0.0.1:9/?directConnection=true',
          database: 'none',
          serverSelectionTimeoutMs: 200,
        }),
      ).rejects.toThrow(EngineUnavailable);
    },
  );

  it('never quotes the message of a duplicate key', async () => {
    await views.store.ensure(items);
    // No projection declares one, but an operator may have made it.
    await database.db.collection('test_items_v1_r1').createIndex({ '_d.item.group': 1 }, { unique: true });
    const put = (id: string) =>
      views.store.apply(items, 1, [
        { id, part: 'item', partition: 0, offset: 1, value: { n: 1, group: 'member-4711' } },
      ]);
    await put('a');
    const error = await put('b').then(
      () => undefined,
      (e: unknown) => e as Error,
    );
    expect(error!.message).toMatch(/^test_items_v1: a write collided with a stored document/);
    expect(JSON.stringify(error) + error!.stack).not.toContain('4711');
  });

  it('continues a scan whose cursors are killed', async () => {
    const beside = await openMongoViews(database.options);
    await beside.store.ensure(items);
    await beside.store.apply(
      items,
      1,
      Array.from({ length: 60 }, (_, n) => ({
        id: `d${String(n).padStart(2, '0')}`,
        part: 'item',
        partition: 0,
        offset: n,
        value: { n, group: 'g', line: 'x'.repeat(450_000) },
      })),
    );
    await beside.close();
    const seen: string[] = [];
    // A page of 18 MB needs more than one answer, so the driver sends getMore.
    await fail({ failCommands: ['getMore'], errorCode: 43 }, { times: 1 });
    // A busy machine needs more than this spec's timeout of a second for so many bytes.
    const patient = await openMongoViews({
      ...database.options,
      uri: `mongodb://127.0.0.1:${proxy.port}/?directConnection=true`,
      socketTimeoutMs: 30_000,
    });
    for await (const document of patient
      .reader(items)
      .scan({ index: 'by_group', equals: ['g'], bodies: ['item.line'], pageSize: 40 })) {
      seen.push(document._id);
      if (seen.length === 40) proxy.cut();
    }
    await patient.close();
    expect(seen).toEqual(Array.from({ length: 60 }, (_, n) => `d${String(n).padStart(2, '0')}`));
  });
});
