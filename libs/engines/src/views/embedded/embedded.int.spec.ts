import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import { afterEach, describe, expect, it } from 'vitest';
import { viewsContract } from '../contract/index.ts';
import { formerItems, items, PLAIN_GROUP } from '../contract/fixture.ts';
import type { Views } from '../port.ts';
import type { FindQuery, Projection } from '../projection.ts';
import { planIds, planQuery, planValues } from '../query.ts';
import { openEmbeddedViews } from './index.ts';
import { Statements } from './statements.ts';
import { layoutOf } from './tables.ts';

async function open(): Promise<{
  views: Views;
  hasExtracts: true;
  reopen: () => Promise<Views>;
  close: () => Promise<void>;
}> {
  const folder = await mkdtemp(join(tmpdir(), 'views-'));
  let views = openEmbeddedViews({ file: join(folder, 'views.db') });
  return {
    views,
    hasExtracts: true,
    reopen: async () => {
      await views.close();
      return (views = openEmbeddedViews({ file: join(folder, 'views.db') }));
    },
    close: async () => {
      await views.close();
      await rm(folder, { recursive: true, force: true });
    },
  };
}

viewsContract('embedded', open);

/** Every array index shares texts, so that the whole contract holds for its tables, too. */
function sharing(projection: Projection): Projection {
  if (projection.name.startsWith('unshared')) return projection;
  let other = shared.get(projection);
  if (other === undefined) {
    const indexes = projection.indexes.map((index) =>
      index.array && index.fields.length > 1 ? { ...index, shared: true } : index,
    );
    shared.set(projection, (other = { ...projection, indexes }));
  }
  return other;
}
const shared = new WeakMap<object, Projection>();
const isProjection = (given: unknown): given is Projection =>
  typeof given === 'object' && given !== null && 'topics' in given && 'indexes' in given;
/** Calls the methods of a port with projections that share texts. */
const translated = <Port extends object>(port: Port): Port =>
  new Proxy(port, {
    get: (target, name) => {
      const value = Reflect.get(target, name, target) as unknown;
      return typeof value !== 'function'
        ? value
        : (...given: unknown[]) =>
            Reflect.apply(
              value,
              target,
              given.map((one) => (isProjection(one) ? sharing(one) : one)),
            ) as unknown;
    },
    set: (target, name, value) => Reflect.set(target, name, value, target),
  });
function translatedViews(views: Views): Views {
  const store = translated(views.store);
  return new Proxy(translated(views), {
    get: (target, name) => (name === 'store' ? store : (Reflect.get(target, name) as unknown)),
  });
}
viewsContract('embedded, with shared texts', async () => {
  const harness = await open();
  return {
    ...harness,
    views: translatedViews(harness.views),
    reopen: async () => translatedViews(await harness.reopen()),
  };
});

describe('embedded: readers of other threads', () => {
  let harness: Awaited<ReturnType<typeof open>>;
  afterEach(() => harness.close());

  it('read the same file through the module that `remote` names, wait for it, and follow a swap', async () => {
    harness = await open();
    const { store, remote } = harness.views;
    await store.ensure(items);
    const module = (await import(remote.module)) as { openReader(options: unknown): Views };
    const there = module.openReader(structuredClone(remote.options));
    try {
      const reader = there.reader(items);
      expect(await reader.get('a')).toBeUndefined();
      const waiting = reader.waitFor({ 't.items': [1] }, 60_000);
      await store.apply(
        items,
        1,
        [{ id: 'a', part: 'item', partition: 0, offset: 0, value: { n: 1, group: 'g', line: 'l' } }],
        { topic: 't.items', partition: 0, from: 0, next: 1, progress: [] },
      );
      expect(await waiting).toBe(true);
      expect(await reader.get('a', { bodies: ['item.line'] })).toMatchObject({ item: { n: 1 } });
      const build = await store.startBuild(items);
      await store.apply(items, build, [
        { id: 'a', part: 'item', partition: 0, offset: 0, value: { n: 2, group: 'g' } },
      ]);
      await store.dropBuild(items, await store.swap(items, build));
      expect((await reader.get('a'))!['item']).toEqual({ n: 2, group: 'g' });
      await expect(there.store.ensure({ ...items, version: 2 })).rejects.toThrow();
    } finally {
      await there.close();
    }
  });

  it('give a build of an earlier release the index of documents that are not plain, and can do without', async () => {
    harness = await open();
    const { plain, ...former } = items;
    let { views } = harness;
    await views.store.ensure(former);
    const groups = ['g', PLAIN_GROUP, 'h'];
    const written = (from: number, projection: Projection): Promise<unknown> =>
      views.store.apply(
        projection,
        1,
        groups.map((group, i) => ({
          ...{ id: `d${from + i}`, part: 'item', partition: 0, offset: from + i },
          value: { n: from + i, group },
        })),
      );
    await written(0, former);
    const { file } = harness.views.remote.options as { file: string };
    const ids = Array.from({ length: 9 }, (_, n) => `d${n}`);
    const answer = async (): Promise<unknown> => {
      const there = openEmbeddedViews({ file, readonly: true });
      const found = await there.reader(items).getMany(ids, { plain: 'left out' });
      await there.close();
      return found.flatMap((d) => d?._id ?? []);
    };
    const stepsOf = (): string => {
      const db = new DatabaseSync(file, { readOnly: true });
      const { sourceSQL } = new Statements(db, layoutOf(items), 1).many({ bodies: [], plain: 'left out' }, false);
      const steps = db.prepare(`EXPLAIN QUERY PLAN ${sourceSQL}`).all() as { detail: string }[];
      db.close();
      return steps.map(({ detail }) => detail).join('; ');
    };
    expect([await answer(), stepsOf()]).toEqual([['d0', 'd2'], expect.not.stringContaining('__others_') as string]);
    await views.store.ensure(items);
    expect([await answer(), stepsOf()]).toEqual([
      ['d0', 'd2'],
      expect.stringMatching(/SEARCH t .*__others_\w+ \(_id=\?\)/) as string,
    ]);
    // The release before is back for a while, and knows nothing of the index.
    views = await harness.reopen();
    await views.store.ensure(former);
    await written(3, former);
    views = await harness.reopen();
    expect(await answer()).toEqual(['d0', 'd2', 'd3', 'd5']);
    await views.store.ensure({ ...items, plain: { ...plain!, text: '"group":"h"' } });
    const build = await views.store.startBuild(items);
    const db = new DatabaseSync(file, { readOnly: true });
    const names = db
      .prepare("SELECT tbl_name FROM sqlite_master WHERE name LIKE '%\\_\\_others\\_%' ESCAPE '\\'")
      .all();
    db.close();
    // One for each build: that of the former text has gone.
    expect(names.map(({ tbl_name: table }) => table)).toEqual(['test_items_v1_r1', `test_items_v1_r${build}`]);
  });

  it('read and write a build of 0.2.0, whose documents are in the order of their ids', async () => {
    harness = await open();
    const { store } = harness.views;
    await store.ensure(items);
    const { file } = harness.views.remote.options as { file: string };
    const db = new DatabaseSync(file);
    // The tables of 0.2.0.
    const [table, by] = ['"test_items_v1_r1"', '"test_items_v1_r1__by_group"'];
    db.exec(`DROP TABLE ${table}; CREATE TABLE ${table} (_id TEXT NOT NULL PRIMARY KEY, p0 INTEGER, f0, f1, d0 TEXT,
      body INTEGER) WITHOUT ROWID; CREATE INDEX ${by} ON ${table} (f0, f1, _id) WHERE f0 IS NOT NULL AND f1 IS NOT NULL;
      INSERT INTO ${table} VALUES ('b', 7, 'g', 2, '{"n":2,"group":"g"}', 1);
      INSERT INTO "test_items_v1_r1__bodies" VALUES (1, CAST('old' AS BLOB))`);
    db.close();
    const views = await harness.reopen();
    await views.store.ensure(items);
    const op = (id: string, offset: number, value: object) => ({ id, part: 'item', partition: 0, offset, value });
    await views.store.apply(items, 1, [op('a', 8, { n: 1, group: 'g', tags: ['x'], line: 'new' })]);
    const bodies = { bodies: ['item.line'] };
    const shown = async (): Promise<unknown> =>
      (await views.reader(items).find({ index: 'by_group', equals: ['g'], limit: 9, ...bodies })).map((d) => [
        d._id,
        Buffer.from((d['item'] as { line: Uint8Array }).line).toString(),
      ]);
    expect(await shown()).toEqual([
      ['a', 'new'],
      ['b', 'old'],
    ]);
    await views.store.apply(items, 1, [op('b', 9, { n: 2, group: 'g', line: 'newer' })]);
    const build = await views.store.startBuild(items);
    await views.store.apply(items, build, [op('b', 9, { n: 2, group: 'g', line: 'built' })]);
    const replaced = await views.store.swap(items, build);
    expect(await shown()).toEqual([['b', 'built']]);
    await views.store.reopen(items);
    await views.store.swap(items, replaced);
    expect(await shown()).toEqual([
      ['a', 'new'],
      ['b', 'newer'],
    ]);
    await views.store.remove(items, ['b']);
    await views.store.dropBuild(items, build);
    expect(await shown()).toEqual([['a', 'new']]);
  });

  it('give a build that an earlier release has filled the indexes that came later, when it is swapped in', async () => {
    harness = await open();
    const { store } = harness.views;
    await store.ensure(items);
    const build = await store.startBuild(formerItems);
    await store.apply(formerItems, build, [
      { id: 'a', part: 'item', partition: 0, offset: 1, value: { n: 1, group: 'g' } },
    ]);
    const { file } = harness.views.remote.options as { file: string };
    const db = new DatabaseSync(file);
    // As that release made it.
    db.exec(`DROP INDEX IF EXISTS "test_items_v1_r${build}__by_n"`);
    db.close();
    await store.swap(items, build);
    expect(await harness.views.reader(items).having({ index: 'by_n', any: [[1, 'g']] })).toMatchObject([{ _id: 'a' }]);
  });

  it('read extracts that the writer keeps, and none that a release without extracts has made old', async () => {
    harness = await open();
    const options = { name: 'test', form: '1', of: [items], maxBytes: 1e9 };
    const { file } = harness.views.remote.options as { file: string };
    // A file of an earlier release has neither the table nor triggers.
    await harness.views.store.ensure(items);
    const db = new DatabaseSync(file);
    for (const { name } of db.prepare("SELECT name FROM sqlite_master WHERE type = 'trigger'").all())
      db.exec(`DROP TRIGGER "${String(name)}"`);
    db.exec('DROP TABLE extracts');
    const views = await harness.reopen();
    await views.store.ensure(items);
    const module = (await import(views.remote.module)) as { openReader(options: unknown): Views };
    const there = module.openReader(structuredClone(views.remote.options));
    try {
      const [writer, reader] = [views.extracts(options)!, there.extracts(options)!];
      const bodies = ['a', 'b', 'c'].map((name) => Buffer.alloc(700_000, name));
      await writer.reserve(['a', 'b', 'c']);
      const ids = await Promise.all(['a', 'b', 'c'].map(async (name) => (await reader.get(name))!.id));
      expect(await writer.put(bodies.map((body, i) => ({ id: ids[i]!, head: i, body })))).toBe(3);
      for (const [i, name] of ['a', 'b', 'c'].entries())
        expect(await reader.get(name)).toEqual({ id: ids[i], head: i, body: new Uint8Array(bodies[i]!) });
      // That release opens the file again, and writes documents of two subjects.
      const insert = db.prepare('INSERT INTO "test_items_v1_r1" (_id, p0, f0, f1, d0) VALUES (?, 0, ?, 1, ?)');
      insert.run('x', 'a', '{}');
      db.exec('UPDATE "test_items_v1_r1" SET f0 = \'c\'');
      expect([await reader.get('a'), await reader.get('c')]).toEqual([undefined, undefined]);
      expect(await reader.get('b')).toMatchObject({ head: 1 });
      // A rebuild that the earlier release began has no triggers either, until it is swapped in.
      const build = await views.store.startBuild(items);
      for (const { name } of db.prepare("SELECT name FROM sqlite_master WHERE type = 'trigger'").all())
        if (String(name).includes(`_r${build}_`)) db.exec(`DROP TRIGGER "${String(name)}"`);
      await views.store.swap(items, build);
      await writer.reserve(['b']);
      const { id } = (await reader.get('b'))!;
      expect(await writer.put([{ id, head: 2, body: bodies[1]! }])).toBe(1);
      expect(await reader.get('b')).toMatchObject({ head: 2 });
      db.exec(`INSERT INTO "test_items_v1_r${build}" (_id, p0, f0, f1, d0) VALUES ('y', 0, 'b', 1, '{}')`);
      expect(await reader.get('b')).toBeUndefined();
    } finally {
      db.close();
      await there.close();
    }
  });

  it('replace the triggers of an earlier release, and keep the extracts that these have kept up', async () => {
    harness = await open();
    const options = { name: 'test', form: '1', of: [items], maxBytes: 1e9 };
    const { file } = harness.views.remote.options as { file: string };
    await harness.views.store.ensure(items);
    const table = '"test_items_v1_r1"';
    const db = new DatabaseSync(file);
    const triggers = (): readonly unknown[] =>
      db.prepare("SELECT sql FROM sqlite_master WHERE type = 'trigger' ORDER BY name").all();
    const own = triggers();
    expect(own).toHaveLength(3);
    const former = {
      inserted: ['INSERT', 'NEW.f0'],
      updated: ['UPDATE', 'OLD.f0, NEW.f0'],
      deleted: ['DELETE', 'OLD.f0'],
    };
    for (const [name, [after, subjects]] of Object.entries(former)) {
      const trigger = `"test_items_v1_r1__${name}"`;
      db.exec(
        `DROP TRIGGER ${trigger}; CREATE TRIGGER ${trigger} AFTER ${after} ON ${table} ` +
          `BEGIN DELETE FROM extracts WHERE subject IN (${subjects}); END`,
      );
    }
    db.exec(`INSERT INTO ${table} (_id, p0, f0, f1, d0) VALUES ('x', 0, 'a', 1, '{}')`);
    try {
      await harness.views.extracts(options)!.reserve([...'abcdefh']);
      const views = await harness.reopen();
      await views.store.ensure(items);
      expect(triggers()).toEqual(own);
      const extracts = views.extracts(options)!;
      const kept = (): string => {
        const rows = db.prepare('SELECT subject FROM extracts ORDER BY subject').all();
        return rows.map(({ subject }) => subject).join('');
      };
      expect(kept()).toBe('abcdefh');
      db.exec(`INSERT INTO ${table} (_id, p0, f0, f1, d0) VALUES ('y', 0, 'b', 1, '{}'), ('z', 0, 'g', 1, '{}')`);
      expect(kept()).toBe('acdefh');
      db.exec(`UPDATE ${table} SET f0 = 'c' WHERE _id = 'x'`);
      expect(kept()).toBe('defh');
      await extracts.reserve(['a', 'b']);
      db.exec(`UPDATE ${table} SET f0 = 'g' WHERE _id = 'y'`);
      expect(kept()).toBe('adefh');
      db.exec(`UPDATE ${table} SET f0 = 'd' WHERE _id = 'z'`);
      expect(kept()).toBe('aefh');
      await extracts.reserve(['c', 'd']);
      db.exec(`DELETE FROM ${table} WHERE _id = 'z'`);
      expect(kept()).toBe('acefh');
    } finally {
      db.close();
    }
  });

  it('answers each shape of query from its index, without sorting', async () => {
    harness = await open();
    await harness.views.store.ensure(items);
    const db = new DatabaseSync((harness.views.remote.options as { file: string }).file, { readOnly: true });
    try {
      const statements = new Statements(db, layoutOf(items), 1);
      const shapes: Partial<FindQuery>[] = [
        {},
        { equals: ['g'] },
        { equals: ['g', 1] },
        { equals: ['g'], order: 'desc' },
        { equals: ['g'], range: { gte: 1, lt: 3 } },
        { equals: ['g'], after: { values: [1], id: 'a' } },
        { equals: ['g'], range: { lte: 4 }, after: { values: [1], id: 'a' } },
        { equals: ['g', 1], after: { values: [], id: 'a' }, bodies: ['item.line'] },
        { index: 'by_tag', equals: ['g', 'x'], after: { values: [], id: 'a' } },
      ];
      for (const shape of shapes) {
        const sql = statements.find(planQuery(items, { index: 'by_group', limit: 5, ...shape }), true).sourceSQL;
        const steps = (db.prepare(`EXPLAIN QUERY PLAN ${sql}`).all() as { detail: string }[])
          .map((r) => r.detail)
          .join('; ');
        expect(steps, JSON.stringify(shape)).not.toMatch(/TEMP B-TREE/);
        if (shape.equals) expect(steps, JSON.stringify(shape)).not.toMatch(/SCAN/);
        if (shape.after && shape.index === undefined)
          expect(steps, JSON.stringify(shape)).toMatch(
            shape.equals!.length === 1 ? /f0=\? AND \(f1,_id\)[>=]/ : /_id[>]/,
          );
      }
      for (const [index, any, by] of [
        ['by_n', [[1, 'g']], /f1=\? AND f0=\?/],
        ['by_n', [[1]], /f1=\?/],
        ['by_group', [['g', 1]], /f0=\? AND f1=\?/],
      ] as const) {
        const plan = planValues(items, { index, any });
        for (const one of [true, false]) {
          const { sourceSQL } = statements.having(plan.index, plan.paths, one);
          const steps = db.prepare(`EXPLAIN QUERY PLAN ${sourceSQL}`).all() as { detail: string }[];
          const search = `${one ? '' : 'SCAN j .*; '}SEARCH t .*${by.source}`;
          expect(steps.map(({ detail }) => detail).join('; ')).toMatch(new RegExp(`^${search}`));
        }
      }
      const range = { gte: 'c=1', lt: 'c=2' };
      for (const [equals, ranges] of [
        [['g'], 2],
        [['g'], 1000],
        [[['g', 'h']], 1000],
      ] as const) {
        const all = [Array.from({ length: ranges }, () => range), Array.from({ length: ranges }, () => range)];
        const { sourceSQL } = statements.ids(planIds(items, { index: 'by_tag', equals, all, limit: 5 }));
        const steps = db.prepare(`EXPLAIN QUERY PLAN ${sourceSQL}`).all() as { detail: string }[];
        const ofElements = steps.filter(({ detail }) => / a (USING|VIRTUAL)|^(SCAN|SEARCH) a\b/.test(detail));
        expect(ofElements.length).toBe(ranges > 2 ? 1 : ranges);
        for (const { detail } of ofElements) expect(detail).toMatch(/^SEARCH a USING .*k0=\? AND k1>\? AND k1<\?/);
      }
    } finally {
      db.close();
    }
  });
});
