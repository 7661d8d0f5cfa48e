import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { openMemoryLog } from '@provider-access/engines/log/memory';
import { eventually, sharedMongo } from '@provider-access/testing';
import { items, record, totals } from '../../../src/views/contract/fixture.ts';
import { ProjectionSet } from '../../../src/views/projection-set.ts';
import type { Views } from '../../../src/views/port.ts';
import type { Projection } from '../../../src/views/projection.ts';
import { EnsureError } from '../../../src/views/store.ts';
import { applyViews, openMongoViews, planViews } from '../../../src/views/mongo/index.ts';
import { explainShapes, whyNotAsked } from '../../../src/views/mongo/testing/explain.ts';
import { testDatabase, type TestDatabase } from './database.ts';

/** All shapes of the services' views: several parts, deep paths, several indexes of the same fields, an array alone. */
const wide: Projection = {
  owner: 'test',
  name: 'wide',
  version: 3,
  topics: {
    't.a': { part: 'a', keys: () => [], evolve: () => undefined },
    't.b': { part: 'b', keys: () => [], evolve: () => undefined },
  },
  indexes: [
    { name: 'by_type', fields: ['a.member', 'a.type', 'a.id'] },
    { name: 'by_updated', fields: ['a.member', 'a.type', 'a.lastUpdated', 'a.id'] },
    { name: 'across', fields: ['a.member', 'b.deep.value'] },
    { name: 'by_provider', fields: ['b.providers'], array: true },
    { name: 'by_word', fields: ['a.member', 'a.type', 'a.words'], array: true },
    { name: 'by_key', fields: ['b.key'] },
  ],
  bodies: ['a.line'],
};
const all = [items, totals, wide];
const notAsked = await whyNotAsked((await sharedMongo()).uri);

describe('mongo: indexes', () => {
  let database: TestDatabase;
  const opened: Views[] = [];
  const open = async (applyIndexes: boolean): Promise<Views> => {
    const views = await openMongoViews({ ...database.options, applyIndexes });
    opened.push(views);
    return views;
  };
  beforeEach(async () => {
    database = await testDatabase();
  });
  afterEach(async () => {
    for (const views of opened.splice(0)) await views.close();
    await database.drop();
  });

  it('plans missing indexes, creates them twice at once, and then finds all of them', async () => {
    const states = (planned: Awaited<ReturnType<typeof planViews>>) => new Set(planned.map((p) => p.state));
    expect(states(await planViews(database.options, all))).toEqual(new Set(['missing']));
    expect(await database.db.listCollections().toArray()).toEqual([]);
    await Promise.all([applyViews(database.options, all), applyViews(database.options, all)]);
    const planned = await planViews(database.options, all);
    expect(states(planned)).toEqual(new Set(['present']));
    expect(planned.filter((p) => p.collection === 'test_wide_v3_r1').map((p) => p.index)).toEqual([
      '(view)',
      'by_type',
      'by_updated',
      'across',
      'by_provider',
      'by_word',
      'by_key',
      'removed',
    ]);
    const { store } = await open(false);
    for (const projection of all) await store.ensure(projection);
  });

  it('leaves an index of somebody else alone, and one of the name that differs', async () => {
    await applyViews(database.options, [items]);
    const collection = database.db.collection('test_items_v1_r1');
    await collection.createIndex({ 'item.extra': 1 }, { name: 'theirs' });
    await collection.dropIndex('by_group');
    await collection.createIndex({ 'item.n': 1 }, { name: 'by_group' });
    const planned = await applyViews(database.options, [items]);
    expect(Object.fromEntries(planned.map((p) => [p.index, p.state]))).toEqual({
      '(view)': 'present',
      by_group: 'differs',
      by_tag: 'present',
      by_n: 'present',
      removed: 'present',
      theirs: 'extra',
    });
    expect((await collection.indexes()).map((i) => i.name).sort()).toEqual([
      '_id_',
      'by_group',
      'by_n',
      'by_tag',
      'removed',
      'theirs',
    ]);
    await expect((await open(true)).store.ensure(items)).rejects.toThrow(
      /test_items_v1: index "by_group" of collection test_items_v1_r1 is another.*Drop this index/,
    );
  });

  it('does not start without the view or one of its indexes, and names it; creates it with applyIndexes', async () => {
    const { store } = await open(false);
    await expect(store.ensure(items)).rejects.toThrow(EnsureError);
    await applyViews(database.options, [items]);
    await store.ensure(items);
    await database.db.collection('test_items_v1_r1').dropIndex('by_tag');
    await expect(store.ensure(items)).rejects.toThrow(
      /test_items_v1: index "by_tag" of collection test_items_v1_r1 is missing\. Create it with `pa views apply`/,
    );
    const reader = (await open(false)).reader(items);
    await expect(reader.find({ index: 'by_tag', equals: ['g', 'x'], limit: 1 })).rejects.toThrow(EnsureError);
    await (await open(true)).store.ensure(items);
    await store.ensure(items);
    expect(await reader.find({ index: 'by_tag', equals: ['g', 'x'], limit: 1 })).toEqual([]);
  });

  it('does not swap in a new or previous build that lacks a declared index, and keeps the live one', async () => {
    const { store } = await open(true);
    await store.ensure(items);
    const build = await store.startBuild(items);
    await database.db.collection('test_items_v1_r2').dropIndex('by_group');
    await expect(store.swap(items, build)).rejects.toThrow(
      /test_items_v1: index "by_group" of collection test_items_v1_r2 is missing/,
    );
    expect(await store.builds(items, true)).toMatchObject({ live: 1, building: 2 });
    await applyViews(database.options, [items]);
    await store.swap(items, build, Date.now() + 60_000);
    await database.db.collection('test_items_v1_r1').dropIndex('by_tag');
    await expect(store.reopen(items)).rejects.toThrow(/index "by_tag" of collection test_items_v1_r1 is missing/);
    expect(await store.builds(items, true)).toMatchObject({ live: 2, previous: 1 });
  });

  it(
    'checks a build again that another process has swapped in: its readers and its projections refuse one that ' +
      'lacks an index',
    async () => {
      await applyViews(database.options, [items]);
      const [a, b] = [await open(false), await open(false)];
      const log = openMemoryLog({ partitions: 1 });
      const set = new ProjectionSet({ log, views: b, projections: [items], verifyMs: 50 });
      await set.start();
      const reader = b.reader(items);
      const query = { index: 'by_group', equals: ['g'], limit: 5 };
      expect(await reader.find(query)).toEqual([]);
      await a.store.startBuild(items);
      await database.db.collection('test_items_v1_r2').dropIndex('by_group');
      // A process of another version may do so without checking the indexes.
      await database.db
        .collection<{ _id: string }>('views')
        .updateOne({ _id: 'test_items_v1' }, { $set: { live: 2, previous: 1 }, $unset: { building: '' } });
      const refused =
        /test_items_v1: index "by_group" of collection test_items_v1_r2 is missing\. Create it with `pa views apply`/;
      await eventually(() => expect(set.failure()).toMatch(refused));
      await expect(reader.find(query)).rejects.toThrow(refused);
      await log.append('t.items', [record('k', { n: 1, group: 'g' })]);
      await applyViews(database.options, [items]);
      await eventually(() => expect(set.failure()).toBeUndefined());
      await eventually(async () => expect((await reader.find(query)).map(({ _id }) => _id)).toEqual(['k']));
      await set.stop();
      await log.close();
    },
  );

  it('builds a missing index over documents that are there', async () => {
    const { store } = await open(true);
    await store.ensure(items);
    await store.apply(
      items,
      1,
      Array.from({ length: 2000 }, (_, n) => ({
        id: `d${n}`,
        part: 'item',
        partition: 0,
        offset: n,
        value: { n, group: `g${n % 7}` },
      })),
    );
    await database.db.collection('test_items_v1_r1').dropIndex('by_group');
    await applyViews(database.options, [items]);
    expect(
      (
        await (
          await open(false)
        )
          .reader(items)
          .find({ index: 'by_group', equals: ['g3'], range: { gte: 1000 }, limit: 1 })
      )[0]!._id,
    ).toBe('d1004');
  });

  it.skipIf(notAsked)(`asks the server: every declared shape reads its index, in its order${notAsked}`, async () => {
    const { store } = await open(true);
    for (const projection of all) {
      await store.ensure(projection);
      const shapes = await explainShapes(database.options, projection);
      expect(shapes.filter((s) => !s.ok)).toEqual([]);
      for (const { name } of projection.indexes)
        expect(
          shapes.some((s) => s.index === name),
          name,
        ).toBe(true);
      expect(shapes.length).toBeGreaterThan(projection.indexes.length * 4);
    }
    // An existing index that does not fit the shape is not `ok`.
    await database.db.collection('test_totals_v1_r1').dropIndex('by_sum');
    expect(
      (await explainShapes(database.options, totals))
        .filter((s) => s.stages.includes('COLLSCAN'))
        .every((s) => !s.ok && s.index === 'by_sum'),
    ).toBe(true);
    expect((await explainShapes(database.options, totals)).some((s) => s.stages.includes('COLLSCAN'))).toBe(true);
    await database.db.collection('test_totals_v1_r1').createIndex({ 'right.sum': 1 }, { name: 'by_sum' });
    expect((await explainShapes(database.options, totals)).some((s) => !s.ok)).toBe(true);
  });
});
