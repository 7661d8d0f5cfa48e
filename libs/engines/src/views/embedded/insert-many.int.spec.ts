import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { DatabaseSync, StatementSync } from 'node:sqlite';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { items, sharedItems } from '../contract/fixture.ts';
import type { Views } from '../port.ts';
import type { ViewOp } from '../store.ts';
import { openEmbeddedViews } from './index.ts';
import { Statements } from './statements.ts';
import { layoutOf } from './tables.ts';

let folder: string;
let file: string;
let views: Views;

beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'insert-many-'));
  file = join(folder, 'views.db');
  views = openEmbeddedViews({ file });
});
afterEach(async () => {
  await views.close();
  await rm(folder, { recursive: true, force: true });
});

const op = (id: string, offset: number): ViewOp => ({
  id,
  part: 'item',
  partition: 0,
  offset,
  value: { n: offset, group: 'g', tags: ['x', 'y'], line: id },
});
const found = async (projection: typeof items, ids: readonly string[]): Promise<readonly unknown[]> =>
  (await views.reader(projection).getMany(ids, { bodies: ['item.line'] })).map(
    (document) => document && Buffer.from((document['item'] as { line: Uint8Array }).line).toString(),
  );

describe('an insert of several documents', () => {
  it('copies no page before it changes it: the transaction undoes the rows before an error', async () => {
    await views.store.ensure(sharedItems);
    const db = new DatabaseSync(file);
    const layout = layoutOf(sharedItems);
    const [part] = layout.parts;
    const statements = new Statements(db, layout, 1);
    const count = (table: string): unknown =>
      db.prepare(`SELECT count(*) AS n FROM "test_shared-items_v1_r1${table}"`).get()!['n'];
    try {
      db.exec('BEGIN IMMEDIATE');
      expect(() => statements.insertBodies(part!, 2).run(1, 'a', 1, 'b')).toThrow('UNIQUE');
      const columns = 'body, folder, name, scope, elements';
      const insert = `INSERT INTO "test_shared-items_v1_r1" (${columns}) VALUES (?, 1, ?, 1, ?)`;
      for (const [number, list] of ['["x"]', '["y","y"]'].entries()) db.prepare(insert).run(number + 1, list, list);
      statements.shared!.add(1, 1);
      expect(() => statements.shared!.add(2, 2)).toThrow('UNIQUE');
      expect([count('__bodies'), count('__by_tag')]).toEqual([1, 2]);
      db.exec('ROLLBACK');
      expect([count('__bodies'), count('__by_tag')]).toEqual([0, 0]);
    } finally {
      db.close();
    }
  });

  for (const projection of [items, sharedItems])
    it(`leaves nothing of a failed write behind, and writes the others of its turn (${projection.name})`, async () => {
      await views.store.ensure(projection);
      await views.store.apply(projection, 1, [op('a', 0)]);
      const db = new DatabaseSync(file);
      try {
        // Somebody else takes the numbers of the third document: of the write with others, and of the write alone.
        const table = `"test_${projection.name}_v1_r1"`;
        const [names, folder] = projection === items ? ['_id', ''] : ['folder, name', '9, '];
        for (const number of [4, 7])
          db.exec(`INSERT INTO ${table} (body, ${names}) VALUES (${number}, ${folder}'taken ${number}')`);
      } finally {
        db.close();
      }
      const ids = ['b', 'c', 'd'];
      const failed = views.store.apply(projection, 1, ids.map(op));
      const other = views.store.apply(projection, 1, [op('e', 9)]);
      await expect(failed).rejects.toThrow('UNIQUE');
      expect(await other).toEqual([]);
      expect(await found(projection, ['a', ...ids, 'e'])).toEqual(['a', undefined, undefined, undefined, 'e']);
      expect(await views.reader(projection).find({ index: 'by_tag', equals: ['g', 'x'], limit: 9 })).toHaveLength(2);
    });

  for (const projection of [items, sharedItems])
    it(`tells the new documents from those that are there (${projection.name})`, async () => {
      await views.store.ensure(projection);
      const ids = Array.from({ length: 70 }, (_, n) => `d${n}`);
      const known = ids.filter((_, n) => n % 7 === 3);
      await views.store.apply(projection, 1, known.map(op));
      // One group has some of both, and the last documents are all there.
      const refused = await views.store.apply(
        projection,
        1,
        [...ids, ...known].slice(0, 75).map((id, n) => ({ ...op(id, 100 + n), base: {} })),
      );
      expect(new Set(refused)).toEqual(new Set(known));
      expect(await found(projection, ids)).toEqual(ids);
      const rows = await views.reader(projection).find({ index: 'by_tag', equals: ['g', 'x'], limit: 99 });
      expect(rows.map(({ _id }) => _id).toSorted()).toEqual(ids.toSorted());
    });

  it('keeps the scope of a new document when another one has it that was there', async () => {
    await views.store.ensure(sharedItems);
    await views.store.apply(sharedItems, 1, [op('a', 0)]);
    const inGroup = (id: string, offset: number, group: string): ViewOp => ({
      ...{ ...op(id, offset), base: {} },
      value: { n: 1, group, tags: ['x'], line: id },
    });
    const [a, b, c] = [inGroup('a', 1, 'h'), inGroup('b', 2, 'h'), inGroup('c', 3, 'i')];
    expect(await views.store.apply(sharedItems, 1, [a, b, c])).toEqual(['a']);
    await views.store.apply(sharedItems, 1, [{ ...a, base: { 0: 0 } }]);
    const rows = await views.reader(sharedItems).find({ index: 'by_tag', equals: ['h', 'x'], limit: 9 });
    expect(rows.map(({ _id }) => _id)).toEqual(['a', 'b']);
  });

  it('has all elements of shared texts of its documents in a statement, each with its document', async () => {
    await views.store.ensure(sharedItems);
    const run = vi.spyOn(StatementSync.prototype, 'run');
    const tagsOf = (n: number): string[] => [`a${n % 3}`, `b${n % 5}`, 'c', `own ${n}`, `also ${n}`];
    try {
      // 64, 16 and 5 documents together.
      const values = Array.from({ length: 85 }, (_, n) => ({ n, group: 'g', tags: tagsOf(n), line: 'l' }));
      await views.store.apply(
        sharedItems,
        1,
        values.map((value, n) => ({ ...op(`d${n}`, n), base: {}, value })),
      );
      const statements = (run.mock.contexts as unknown as readonly StatementSync[]).map(({ sourceSQL }) => sourceSQL);
      expect(statements.filter((sql) => sql.includes('INTO "test_shared-items_v1_r1__by_tag" '))).toHaveLength(3);
    } finally {
      run.mockRestore();
    }
    for (const tag of ['a0', 'a1', 'a2', 'b4', 'c', 'own 63', 'also 84']) {
      const rows = await views.reader(sharedItems).find({ index: 'by_tag', equals: ['g', tag], limit: 99 });
      const expected = Array.from({ length: 85 }, (_, n) => n).filter((n) => tagsOf(n).includes(tag));
      expect(rows.map(({ _id }) => _id).toSorted()).toEqual(expected.map((n) => `d${n}`).toSorted());
    }
  });
});
