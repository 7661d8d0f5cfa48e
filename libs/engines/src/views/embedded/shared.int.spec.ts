import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import { afterEach, beforeEach, expect, it } from 'vitest';
import { sharedItems } from '../contract/fixture.ts';
import type { Views } from '../port.ts';
import type { IdsQuery } from '../projection.ts';
import type { ViewOp } from '../store.ts';
import { planIds } from '../query.ts';
import { openEmbeddedViews } from './index.ts';
import { Statements } from './statements.ts';
import { layoutOf } from './tables.ts';

let folder: string;
let views: Views;
let offset = 0;
beforeEach(async () => {
  folder = mkdtempSync(join(tmpdir(), 'shared-'));
  views = openEmbeddedViews({ file: join(folder, 'views.db') });
  await views.store.ensure(sharedItems);
});
afterEach(async () => {
  await views.close();
  rmSync(folder, { recursive: true });
});

const item = (id: string, tags: readonly string[], group = 'g'): ViewOp => ({
  ...{ id, part: 'item', partition: 0, offset: offset++ },
  value: { n: 1, group, tags },
});
const put = (...ops: ViewOp[]): Promise<unknown> => views.store.apply(sharedItems, 1, ops);
const having = (...any: (string | { readonly gte: string; readonly lt: string })[]): Promise<readonly string[]> =>
  views.reader(sharedItems).ids({ index: 'by_tag', equals: ['g'], all: [any], limit: 1000 });
/** The rows of the tables of the index, by the ends of their names. */
function rows(): Readonly<Record<string, readonly unknown[]>> {
  const db = new DatabaseSync(join(folder, 'views.db'), { readOnly: true });
  try {
    const table = 'test_shared-items_v1_r1__by_tag';
    const named = Object.fromEntries(
      ['', '_scopes', '_texts', '_uses'].map((end) => [end, db.prepare(`SELECT * FROM "${table}${end}"`).all()]),
    );
    const folders = db.prepare('SELECT path FROM "test_shared-items_v1_r1__folders" ORDER BY path').all();
    return { ...named, folders: folders.map(({ path }) => path) };
  } finally {
    db.close();
  }
}
/** The documents that have each shared text. */
const uses = (): unknown => {
  const { _texts: texts, _uses: counts } = rows() as Record<
    string,
    { place: number; text: string; documents: number }[]
  >;
  return Object.fromEntries(
    texts!.map(({ place, text }) => [text, counts!.find((each) => each.place === place)!.documents]),
  );
};
const named = (count: number): readonly string[] => Array.from({ length: count }, (_, n) => `d${n}`);

it('keeps no text and no field of documents that were changed, deleted or removed', async () => {
  await put(...named(9).map((id) => item(id, ['common', `of ${id}`], `group of ${id}`)));
  expect(uses()).toEqual({ common: 6 });
  // Three documents still have the text itself, and none its place.
  await put(
    ...named(9)
      .slice(3)
      .map((id) => item(id, ['other'])),
  );
  expect(uses()).toEqual({ other: 6 });
  await put({ ...item('d0', []), value: null }, item('d1', []), { ...item('d2', []), value: { n: 1, group: 'g' } });
  await views.store.remove(sharedItems, named(9));
  expect(rows()).toEqual({ '': [], _scopes: [], _texts: [], _uses: [], folders: [] });
});

it('keeps the folder of an id as long as a document is in it', async () => {
  await put(item('m1/T/a', ['x']), item('m1/T/b', ['x']), item('m2/T/a', ['x']), item('m1/T/', ['x']));
  expect(rows()['folders']).toEqual(['m1/T/', 'm2/T/']);
  await put({ ...item('m1/T/b', []), value: null });
  await views.store.remove(sharedItems, ['m1/T/a', 'm1/T/', 'm2/T/a', 'm3/T/a']);
  // The position of a deleted document stays.
  expect(rows()['folders']).toEqual(['m1/T/']);
  await views.store.remove(sharedItems, ['m1/T/b']);
  expect(rows()['folders']).toEqual([]);
  await put(item('m1/T/b', ['x']), item('m2/T/b', ['x']));
  expect(rows()['folders']).toEqual(['m1/T/', 'm2/T/']);
  expect(await having('x')).toEqual(['m1/T/b', 'm2/T/b']);
});

it('knows no folder of a write that failed', async () => {
  const cyclic: Record<string, unknown> = { n: 1, group: 'g' };
  cyclic['self'] = cyclic;
  const failing = [item('m1/T/a', ['x']), item('m2/T/a', ['x']), { ...item('m2/T/b', []), value: cyclic }];
  await expect(put(...failing)).rejects.toThrow(TypeError);
  expect(rows()['folders']).toEqual([]);
  await put(item('m2/T/a', ['x']), item('m1/T/b', ['x']));
  expect(await having('x')).toEqual(['m1/T/b', 'm2/T/a']);
  expect((await views.reader(sharedItems).get('m2/T/a'))?._id).toBe('m2/T/a');
});

it('knows after a failed write what is in the file, and counts on from there', async () => {
  await put(...named(3).map((id) => item(id, ['a', 'b'])));
  const cyclic: Record<string, unknown> = { n: 1, group: 'g' };
  cyclic['self'] = cyclic;
  // The first of them share both texts, and the last one cannot be written.
  const failing = [
    ...named(9).map((id) => item(`x${id}`, ['a', 'b'], 'new group')),
    { ...item('y', []), value: cyclic },
  ];
  await expect(put(...failing)).rejects.toThrow(TypeError);
  expect(rows()['_scopes']).toHaveLength(1);
  await put(...named(6).map((id) => item(`z${id}`, ['a', 'c'], 'new group')), item('z', ['a', 'c']));
  expect(await having('a')).toEqual([...named(3), 'z']);
  expect(await having({ gte: 'a', lt: 'd' })).toEqual([...named(3), 'z']);
  const reader = views.reader(sharedItems);
  const count = { index: 'by_tag', equals: [['g', 'new group']], all: [['a']], limit: 99 } as const;
  expect(await reader.count(count)).toEqual(
    new Map([
      ['g', 4],
      ['new group', 6],
    ]),
  );
});

it('takes a document that exists for no other use of its texts', async () => {
  await put(...named(5).map((id) => item(id, ['a'])));
  const before = uses();
  // The caller took them for new.
  const again = named(5).map((id) => ({ ...item(id, ['a'], 'never'), base: {} }));
  expect(await views.store.apply(sharedItems, 1, again)).toEqual(named(5));
  expect(uses()).toEqual(before);
  expect(rows()['_scopes']).toHaveLength(1);
});

it('finds texts for which there is no place between two others', async () => {
  // Each is before the one before it, and behind the first one.
  const texts = ['a', 'b', ...Array.from({ length: 60 }, (_, n) => `${'a'.repeat(n + 2)}b`)];
  for (const [n, text] of texts.entries()) await put(...named(6).map((id) => item(`${id} ${n}`, [text])));
  const shared = rows()['_texts']!.length;
  expect(shared).toBeGreaterThan(20);
  expect(shared).toBeLessThan(texts.length);
  const idsOf = (some: readonly string[]): readonly string[] =>
    texts.flatMap((text, n) => (some.includes(text) ? named(6).map((id) => `${id} ${n}`) : [])).toSorted();
  for (const text of texts) expect(await having(text)).toEqual(idsOf([text]));
  const sorted = texts.toSorted();
  for (let n = 0; n < sorted.length; n += 7) {
    const [gte, lt] = [sorted[n]!, sorted[Math.min(n + 20, sorted.length - 1)]!];
    expect(await having({ gte, lt })).toEqual(idsOf(texts.filter((text) => text >= gte && text < lt)));
  }
});

it('reads one interval of the index for the texts of a range, and one for their places', () => {
  const db = new DatabaseSync(join(folder, 'views.db'), { readOnly: true });
  const statements = new Statements(db, layoutOf(sharedItems), 1);
  const query = { index: 'by_tag', equals: ['g'], limit: 5 } as const;
  const stepsOf = (all: IdsQuery['all']): readonly string[] => {
    const { sourceSQL } = statements.ids(planIds(sharedItems, { ...query, all }));
    const steps = db.prepare(`EXPLAIN QUERY PLAN ${sourceSQL}`).all() as { detail: string }[];
    return steps.map(({ detail }) => detail).filter((detail) => /\b[at] USING\b/.test(detail));
  };
  const interval = 'SEARCH a USING PRIMARY KEY (scope=? AND element>? AND element<?)';
  const row = 'SEARCH t USING INTEGER PRIMARY KEY (rowid=?)';
  expect(stepsOf([[{ gte: 'a', lt: 'b' }]])).toEqual([interval, interval, row]);
  expect(stepsOf([['a']])).toEqual(['SEARCH a USING PRIMARY KEY (scope=? AND element=?)', row]);
  db.close();
});

it('pages through the documents without sorting them', () => {
  const db = new DatabaseSync(join(folder, 'views.db'), { readOnly: true });
  const asked: string[] = [];
  const prepare = db.prepare.bind(db);
  db.prepare = (sql) => {
    asked.push(sql);
    return prepare(sql);
  };
  new Statements(db, layoutOf(sharedItems), 1).page(['item.line'], 'm/T/d');
  const steps = asked.map((sql) =>
    (prepare(`EXPLAIN QUERY PLAN ${sql}`).all() as { detail: string }[])
      .map(({ detail }) => detail)
      .filter((detail) => /^SEARCH [tf]\b|B-TREE/.test(detail)),
  );
  const index = 'sqlite_autoindex_test_shared-items_v1_r1';
  expect(steps).toEqual([
    [`SEARCH t USING INDEX ${index}_1 (folder=? AND name>?)`],
    [`SEARCH f USING COVERING INDEX ${index}__folders_1 (path>?)`, `SEARCH t USING INDEX ${index}_1 (folder=?)`],
  ]);
  db.close();
});
