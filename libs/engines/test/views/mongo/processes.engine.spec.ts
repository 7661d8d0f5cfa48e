import { Worker } from 'node:worker_threads';
import { once } from 'node:events';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { openMemoryLog } from '@provider-access/engines/log/memory';
import { eventually } from '@provider-access/testing';
import { appendAll, items, record, totals } from '../../../src/views/contract/fixture.ts';
import { ProjectionSet } from '../../../src/views/projection-set.ts';
import type { Views } from '../../../src/views/port.ts';
import type { Projection, TopicEvolve } from '../../../src/views/projection.ts';
import { CheckpointMoved, type ViewOp } from '../../../src/views/store.ts';
import { openMongoViews } from '../../../src/views/mongo/index.ts';
import { testDatabase, type TestDatabase } from './database.ts';

const item = (id: string, offset: number, n: number, partition = 0): ViewOp => ({
  id,
  part: 'item',
  partition,
  offset,
  value: { n, group: 'g', line: `line ${n}` },
});

/** Two instances of everything act as two processes, which share only the server. */
describe('mongo: several processes', () => {
  let database: TestDatabase;
  let a: Views;
  let b: Views;
  beforeEach(async () => {
    database = await testDatabase();
    [a, b] = await Promise.all([openMongoViews(database.options), openMongoViews(database.options)]);
    await Promise.all([a.store.ensure(items), b.store.ensure(items)]);
  });
  afterEach(async () => {
    await Promise.all([a.close(), b.close()]);
    await database.drop();
  });

  it('waits for the projection of the other process, and follows its swap', async () => {
    const log = openMemoryLog({ partitions: 2 });
    const set = new ProjectionSet({ log, views: a, projections: [items] });
    await set.start();
    const reader = b.reader(items);
    const before = await log.head(['t.items']);
    expect(await reader.waitFor(before, 60_000)).toBe(true);
    const waiting = reader.waitFor({ 't.items': [1, 1] }, 60_000);
    await log.append(
      't.items',
      Array.from({ length: 20 }, (_, i) => record(`k${i}`, { n: i, group: 'g' })),
    );
    expect(await waiting).toBe(true);
    await set.rebuild('items', { graceMs: 60_000 });
    expect(await reader.waitFor(await appendAll(log, 't.items', [record('k1', { n: 99, group: 'g' })]), 60_000)).toBe(
      true,
    );
    expect((await reader.get('k1'))!['item']).toMatchObject({ n: 99 });
    expect(await b.store.builds(items)).toMatchObject({ live: 2, previous: 1 });
    await set.stop();
    await log.close();
  });

  it('knows the position of a view after another process swaps it, however long it caches the live build', async () => {
    const log = openMemoryLog({ partitions: 2 });
    const set = new ProjectionSet({ log, views: a, projections: [items] });
    await set.start();
    const other = await openMongoViews({ ...database.options, registryTtlMs: 2 ** 31 - 1 });
    const reader = other.reader(items);
    expect((await reader.position()).topics).toEqual({ 't.items': [] });
    await appendAll(log, 't.items', [record('k1', { n: 1, group: 'g' }), record('k2', { n: 1, group: 'g' })]);
    const passed = async (n: number): Promise<void> => {
      const head = await log.head(['t.items']);
      expect(head['t.items']!.reduce((sum, next) => sum + next, 0)).toBe(n);
      await eventually(async () => expect((await reader.position()).topics).toEqual(head));
    };
    await passed(2);
    await set.rebuild('items', { graceMs: 0 });
    await appendAll(log, 't.items', [record('k1', { n: 2, group: 'g' })]);
    await passed(3);
    await other.close();
    await set.stop();
    await log.close();
  });

  it('gives a worker thread the same views by a module and plain options', async () => {
    await a.store.apply(items, 1, [item('a', 1, 7)]);
    const worker = new Worker(
      `
      import { parentPort, workerData } from 'node:worker_threads';
      const { openReader } = await import(workerData.module);
      const { items } = await import(workerData.fixture);
      const views = openReader(workerData.options);
      const document = await views.reader(items).get('a', { bodies: ['item.line'] });
      parentPort.postMessage({ n: document.item.n, line: Buffer.from(document.item.line).toString() });
      await views.close();`,
      {
        eval: true,
        execArgv: ['--conditions=@provider-access/source', '--input-type=module'],
        workerData: { ...b.remote, fixture: new URL('../../../src/views/contract/fixture.ts', import.meta.url).href },
      },
    );
    const [message] = (await once(worker, 'message')) as [unknown];
    expect(message).toEqual({ n: 7, line: 'line 7' });
    await worker.terminate();
  });

  it('lets eight writers race for the same documents: each ends at its newest position, none is lost', async () => {
    const writers = await Promise.all(Array.from({ length: 8 }, () => openMongoViews(database.options)));
    await Promise.all(
      writers.map((w, partition) =>
        (async () => {
          for (let offset = 0; offset < 10; offset++)
            await w.store.apply(
              items,
              1,
              Array.from({ length: 12 }, (_, d) => item(`d${d}`, offset, partition * 100 + offset, partition)),
            );
        })(),
      ),
    );
    const parts = await a.store.parts(
      items,
      1,
      'item',
      Array.from({ length: 12 }, (_, d) => `d${d}`),
    );
    expect(parts.size).toBe(12);
    for (const { position } of parts.values())
      expect(position).toEqual(Object.fromEntries(Array.from({ length: 8 }, (_, p) => [p, 9])));
    await Promise.all(writers.map((w) => w.close()));
  });

  it('counts the records of eight concurrent writers once, with positions of several partitions', async () => {
    await a.store.ensure(totals);
    const writers = await Promise.all(Array.from({ length: 8 }, () => openMongoViews(database.options)));
    await Promise.all(
      writers.map((w, partition) =>
        (async () => {
          for (let offset = 0; offset < 5; offset++) {
            for (;;) {
              const stored = (await w.store.parts(totals, 1, 'left', ['d'])).get('d');
              const value = { sum: ((stored?.value as { sum: number } | undefined)?.sum ?? 0) + 1, seen: 0 };
              if (
                (
                  await w.store.apply(totals, 1, [
                    { id: 'd', part: 'left', partition, offset, value, base: stored?.position ?? {} },
                  ])
                ).length === 0
              )
                break;
            }
          }
        })(),
      ),
    );
    expect((await a.reader(totals).get('d'))!['left']).toMatchObject({ sum: 40 });
    await Promise.all(writers.map((w) => w.close()));
  });

  it('lets no overtaken writer move a checkpoint back or past what it wrote, nor any behind a seal', async () => {
    const at = (next: number) => ({ topic: 't.items', partition: 0, next, progress: [] });
    await a.store.apply(items, 1, [item('x', 0, 1)], { ...at(1), from: 0 });
    await b.store.apply(items, 1, [item('x', 1, 2)], { ...at(2), from: 1 });
    await expect(a.store.apply(items, 1, [item('x', 1, 2)], { ...at(2), from: 1 })).rejects.toThrow(CheckpointMoved);
    await expect(a.store.apply(items, 1, [], { ...at(1), from: 0 })).rejects.toThrow(CheckpointMoved);
    const build = await a.store.startBuild(items);
    expect(await a.store.lease(items, build, 'a', 60_000)).toBe(true);
    expect(await b.store.lease(items, build, 'b', 60_000)).toBe(false);
    expect(
      await a.store.seal(items, [
        { topic: 't.items', partition: 0 },
        { topic: 't.items', partition: 1 },
      ]),
    ).toMatchObject([{ next: 2 }, { next: 0 }]);
    await expect(b.store.apply(items, 1, [], { ...at(3), from: 2 })).rejects.toThrow(CheckpointMoved);
    await expect(b.store.apply(items, 1, [], { ...at(1), partition: 1, from: 0 })).rejects.toThrow(CheckpointMoved);
    // The builder died. After the end of its lease any process lifts the seal, and a late swap fails.
    await database.db.collection('views').updateOne({}, { $set: { 'lease.until': 1 } });
    await b.store.builds(items, true);
    await b.store.apply(items, 1, [], { ...at(3), from: 2 });
    await expect(a.store.swap(items, build)).rejects.toThrow(/seal/);
    expect(await b.store.lease(items, build, 'b', 60_000)).toBe(true);
  });

  it('refuses a document larger than MongoDB permits before it writes', async () => {
    const large = (mebibytes: number) => 'x'.repeat(mebibytes * 1024 * 1024);
    await a.store.apply(
      items,
      1,
      Array.from({ length: 4 }, (_, i) => ({ ...item(`line${i}`, i, i), value: { n: i, group: 'g', line: large(7) } })),
    );
    const found = await b.reader(items).find({ index: 'by_group', equals: ['g'], limit: 10, bodies: ['item.line'] });
    expect(found.map((d) => (d['item'] as { line: Uint8Array }).line.byteLength)).toEqual(
      Array(4).fill(7 * 1024 * 1024),
    );
    await expect(
      a.store.apply(items, 1, [{ ...item('member-4711', 9, 1), value: { n: 1, group: 'g', line: large(17) } }], {
        topic: 't.items',
        partition: 0,
        from: 0,
        next: 10,
        progress: [],
      }),
    ).rejects.toThrow(
      /^test_items_v1: part "item" of document sha256:[0-9a-f]{12} is too large for MongoDB \(17\.0 of 16 MiB\)$/,
    );
    expect(await a.store.checkpoints(items, 'live')).toEqual([]);
    // Two parts are too large together, which only the server notices.
    await a.store.ensure(totals);
    const half = (part: string) =>
      a.store.apply(totals, 1, [
        { id: 'd', part, partition: 0, offset: 0, value: { sum: 1, seen: 1, text: large(9) } },
      ]);
    await half('left');
    await expect(half('right')).rejects.toThrow(/part "right" of document .* too large/);
  });

  it('passes over a record whose document would be too large, and continues', async () => {
    const log = openMemoryLog({ partitions: 1 });
    interface Grown {
      readonly text: string;
      readonly held?: true;
    }
    const grown: TopicEvolve<Grown> = {
      part: 'grown',
      keys: ({ key }) => [key],
      evolve: (part, { headers }) => ({
        ...part,
        text: (part?.text ?? '') + 'x'.repeat(Number(headers['mebibytes']) * 1024 * 1024),
      }),
      failed: (part) => ({ text: '', ...part, held: true }),
    };
    const projection: Projection = { owner: 'test', name: 'grown', version: 1, indexes: [], topics: { t: grown } };
    const set = new ProjectionSet({ log, views: a, projections: [projection] });
    await set.start();
    const append = (key: string, mebibytes: number) => ({
      key,
      partitionKey: key,
      headers: { mebibytes: String(mebibytes) },
      value: '',
    });
    await log.append('t', [append('k', 9), append('l', 1), append('k', 9), append('l', 1), append('k', 1)]);
    expect(await b.reader(projection).waitFor(await log.head(['t']), 60_000)).toBe(true);
    const found = (await b.reader(projection).getMany(['k', 'l'])).map((document) => document?.['grown'] as Grown);
    expect(found.map(({ text, held }) => [text.length / 1024 / 1024, held])).toEqual([
      [10, true],
      [2, undefined],
    ]);
    expect(await set.status()).toMatchObject([{ passedOver: 1 }]);
    await set.stop();
    await log.close();
  });
});
