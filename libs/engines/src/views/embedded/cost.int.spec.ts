import { DatabaseSync, StatementSync } from 'node:sqlite';
import { setImmediate as nextTurn } from 'node:timers/promises';
import { afterEach, beforeEach, expect, it, vi } from 'vitest';
import { openMemoryLog } from '../../log/memory/index.ts';
import { BuildWriter } from '../build-writer.ts';
import { items, PLAIN_GROUP, record, sharedItems, totals } from '../contract/fixture.ts';
import { openMemoryViews } from '../memory/index.ts';
import type { Projection } from '../projection.ts';
import { Connection } from './connection.ts';
import { CheckpointMoved, type PartPosition, type ViewOp } from '../store.ts';

let views: ReturnType<typeof openMemoryViews>;
const statements: string[] = [];
let commits = 0;

beforeEach(async () => {
  views = openMemoryViews();
  await views.store.ensure(items);
  await views.store.ensure(totals);
  for (const method of ['run', 'get', 'all'] as const) {
    const original = StatementSync.prototype[method] as (...values: unknown[]) => unknown;
    vi.spyOn(StatementSync.prototype, method).mockImplementation(function (this: StatementSync, ...values: unknown[]) {
      const [, what, table] = /^(\w+).*?"test_([\w-]+)"/.exec(this.sourceSQL) ?? [];
      if (what !== undefined) statements.push(`${what} ${table}`);
      return original.apply(this, values) as never;
    });
  }
  const exec = DatabaseSync.prototype.exec;
  vi.spyOn(DatabaseSync.prototype, 'exec').mockImplementation(function (this: DatabaseSync, sql) {
    if (sql === 'COMMIT') commits += 1;
    exec.call(this, sql);
  });
});
afterEach(async () => {
  vi.restoreAllMocks();
  await views.close();
});

async function written(projection: Projection, part: string, offset: number, value: object, base?: PartPosition) {
  statements.splice(0);
  const op = { id: 'a', part, partition: 0, offset, value, ...(base !== undefined && { base }) };
  expect(await views.store.apply(projection, 1, [op])).toEqual([]);
  return statements.splice(0);
}

it('writes a new document with a statement for the row, the body and the elements of an array index', async () => {
  const value = { n: 1, group: 'g', tags: ['x', 'y'], line: 'l' };
  expect(await written(items, 'item', 0, value)).toEqual([
    // The last number of a body: once for each process.
    'SELECT items_v1_r1__bodies',
    'INSERT items_v1_r1',
    'INSERT items_v1_r1__bodies',
    'INSERT items_v1_r1__by_tag',
  ]);
  // An array index needs the elements that were there, and changes only those that differ.
  expect(await written(items, 'item', 1, { ...value, tags: ['y', 'z'] })).toEqual([
    'INSERT items_v1_r1',
    'SELECT items_v1_r1',
    'INSERT items_v1_r1',
    'INSERT items_v1_r1__bodies',
    'DELETE items_v1_r1__by_tag',
    'INSERT items_v1_r1__by_tag',
  ]);
});

it('writes a part that was loaded and is new with one statement, and compares a part that was there', async () => {
  expect(await written(totals, 'left', 0, { sum: 1, seen: 1 }, {})).toEqual(['INSERT totals_v1_r1']);
  const compared = ['SELECT totals_v1_r1', 'INSERT totals_v1_r1'];
  expect(await written(totals, 'left', 1, { sum: 2, seen: 2 }, { 0: 0 })).toEqual(compared);
  // The document is there, because of its other part.
  expect(await written(totals, 'right', 0, { sum: 1, seen: 1 }, {})).toEqual(['INSERT totals_v1_r1', ...compared]);
});

it('reads documents by their ids with one statement, however many they are', async () => {
  const ids = Array.from({ length: 250 }, (_, n) => `d${n}`);
  const value = (n: number) => ({ n, group: n % 50 === 0 ? 'g' : PLAIN_GROUP, line: 'l' });
  await views.store.apply(
    items,
    1,
    ids.map((id, n) => ({ id, part: 'item', partition: 0, offset: n, value: value(n) })),
  );
  const reader = views.reader(items);
  for (const load of [{}, { bodies: ['item.line'] }, { plain: 'left out' }] as const) {
    statements.splice(0);
    expect((await reader.getMany(ids, load)).filter(Boolean)).toHaveLength('plain' in load ? 5 : 250);
    expect(statements.splice(0)).toEqual(['SELECT items_v1_r1']);
  }
});

it('shares a transaction among the reads of several turns, until a write or 20 ms later', async () => {
  const begun = (): number =>
    (vi.mocked(StatementSync.prototype.run).mock.contexts as readonly StatementSync[]).filter(
      ({ sourceSQL }) => sourceSQL === 'BEGIN',
    ).length;
  const reader = views.reader(items);
  const write = (offset: number, n: number) =>
    views.store.apply(items, 1, [{ id: 'a', part: 'item', partition: 0, offset, value: { n, group: 'g' } }]);
  const read = async (): Promise<unknown> => ((await reader.get('a'))?.['item'] as { n: number }).n;
  await write(0, 1);
  const before = begun();
  for (let turn = 0; turn < 3; turn++) {
    expect(await read()).toBe(1);
    await nextTurn();
  }
  expect(begun() - before).toBe(1);
  await write(1, 2);
  expect(await read()).toBe(2);
  expect(begun() - before).toBe(2);
  const connection = new Connection(':memory:', false);
  connection.beginReading();
  expect(connection.db.isTransaction).toBe(true);
  await expect.poll(() => connection.db.isTransaction).toBe(false);
  connection.close();
});

it('looks for a document that a record begins only if the store refuses to insert it', async () => {
  const log = openMemoryLog({ partitions: 1 });
  const context = { log, store: views.store, projection: totals, logger: undefined, maxRecords: 9 };
  const writer = new BuildWriter(context, 1);
  const written = async (...keys: string[]): Promise<readonly string[]> => {
    await log.append(
      't.right',
      keys.map((key) => record(key, { n: 1 })),
    );
    statements.splice(0);
    await writer.fillAll(await log.head(['t.right']), new AbortController().signal);
    return statements.splice(0);
  };
  const insert = 'INSERT totals_v1_r1';
  expect(await written('a', 'b')).toEqual([insert]);
  const found = 'SELECT totals_v1_r1';
  const parts = vi.spyOn(views.store, 'parts');
  // The first attempt inserts c and finds b. The second one loads b alone, and changes it if it is as it was loaded.
  expect(await written('c', 'b')).toEqual([insert, found, found, found, insert]);
  expect(parts.mock.calls.map(([, , , ids]) => ids)).toEqual([['b']]);
  expect(await views.reader(totals).getMany(['a', 'b', 'c'])).toMatchObject([
    { right: { sum: 1 } },
    { right: { sum: 2 } },
    { right: { sum: 1 } },
  ]);
});

it('writes many new documents with a statement for 16 or 64 rows and bodies, and 32 elements', async () => {
  const op = (n: number, value: Record<string, unknown>): ViewOp => ({ ...sum(`${n}`, value), part: 'item' });
  await views.store.apply(items, 1, [op(1000, { n: 0, group: 'g' })]);
  statements.splice(0);
  const value = (n: number) => ({ n, group: 'g', tags: ['x', `own ${n}`], line: `line ${n}` });
  await views.store.apply(
    items,
    1,
    Array.from({ length: 32 }, (_, n) => op(n, value(n))),
  );
  const group = ['INSERT items_v1_r1', 'INSERT items_v1_r1__bodies', 'INSERT items_v1_r1__by_tag'];
  expect(statements).toEqual([...group, ...group]);
  // Of as many as a full batch has, 64 are together, with two elements each.
  statements.splice(0);
  await views.store.apply(
    items,
    1,
    Array.from({ length: 80 }, (_, n) => op(2000 + n, value(n))),
  );
  const [rows, bodies, elements] = group as [string, string, string];
  expect(statements).toEqual([rows, bodies, elements, elements, elements, elements, ...group]);
  // Lines of a megabyte are not copied into one statement.
  const large = (n: number) => op(n, { ...value(n), tags: [], line: 'x'.repeat(700_000) });
  statements.splice(0);
  await views.store.apply(items, 1, [large(100), large(101), large(102)]);
  expect(statements.filter((statement) => statement === 'INSERT items_v1_r1')).toHaveLength(3);
});

it('loads the parts of a batch with a statement for 32 documents', async () => {
  const ids = Array.from({ length: 40 }, (_, n) => `${n}`);
  await views.store.apply(
    totals,
    1,
    ids.map((id) => sum(id)),
  );
  statements.splice(0);
  const found = await views.store.parts(totals, 1, 'left', [...ids, 'nobody']);
  expect([...found.keys()].toSorted()).toEqual(ids.toSorted());
  expect(statements).toEqual(['SELECT totals_v1_r1', 'SELECT totals_v1_r1']);
});

it('refuses a part that was written since it was loaded', async () => {
  await written(totals, 'left', 0, { sum: 1, seen: 1 }, {});
  const op = { id: 'a', part: 'left', partition: 1, offset: 0, value: { sum: 5, seen: 1 }, base: {} };
  expect(await views.store.apply(totals, 1, [op])).toEqual(['a']);
});

const sum = (id: string, value: Record<string, unknown> = { sum: 1, seen: 1 }): ViewOp => ({
  id,
  part: 'left',
  partition: 0,
  offset: 0,
  value,
});

/** A value that cannot be encoded. */
function itself(): Record<string, unknown> {
  const cyclic: Record<string, unknown> = { sum: 1, seen: 1 };
  cyclic['self'] = cyclic;
  return cyclic;
}

it('commits the writes of one turn of the event loop together, up to a thousand rows', async () => {
  const write = (count: number, name: string) =>
    views.store.apply(
      totals,
      1,
      Array.from({ length: count }, (_, n) => sum(`${name}-${n}`)),
    );
  commits = 0;
  await Promise.all([write(400, 'a'), write(600, 'b')]);
  expect(commits).toBe(1);
  await Promise.all([write(400, 'c'), write(600, 'd'), write(1, 'e'), write(2000, 'f')]);
  expect(commits).toBe(4);
});

it('writes several new documents with shared texts in a few statements', async () => {
  await views.store.ensure(sharedItems);
  const tags = ['x', 'y'];
  const ops = (from: number): ViewOp[] =>
    Array.from({ length: 16 }, (_, i) => ({
      ...{ id: `g/T/d${from + i}`, part: 'item', partition: 0, offset: from + i, base: {} },
      value: { n: i, group: 'g', tags: [...tags, `own ${from + i}`], line: 'l' },
    }));
  await views.store.apply(sharedItems, 1, ops(0));
  statements.splice(0);
  await views.store.apply(sharedItems, 1, ops(16));
  expect(statements.splice(0)).toEqual([
    'INSERT shared-items_v1_r1',
    'INSERT shared-items_v1_r1__bodies',
    // 48 elements.
    'INSERT shared-items_v1_r1__by_tag',
    'INSERT shared-items_v1_r1__by_tag_uses',
  ]);
  // The scope and the folder of a member and type are asked for together.
  await views.store.apply(sharedItems, 1, [
    { ...ops(32)[0]!, id: 'h/T/d', value: { n: 1, group: 'h', tags: [], line: 'l' } },
    { ...ops(33)[0]!, id: 'i/T/d', value: { n: 1, group: 'i', tags: ['own'], line: 'l' } },
  ]);
  expect(statements.splice(0).slice(0, 5)).toEqual([
    ...['SELECT shared-items_v1_r1__folders', 'INSERT shared-items_v1_r1__folders'],
    ...['SELECT shared-items_v1_r1__folders', 'INSERT shared-items_v1_r1__folders'],
    'INSERT shared-items_v1_r1__by_tag_scopes',
  ]);
});

it('commits writes that may wait together, and a write that may not at once and alone', async () => {
  const waiting = { ...items, commitMs: 60_000 };
  const item = (id: string): ViewOp => ({ ...sum(id, { n: 1, group: 'g' }), part: 'item' });
  commits = 0;
  const first = views.store.apply(waiting, 1, [item('a')]);
  await nextTurn();
  await nextTurn();
  expect(commits).toBe(0);
  expect(await views.reader(items).getMany(['a'])).toEqual([undefined]);
  await views.store.apply(totals, 1, [sum('b')]);
  expect(commits).toBe(1);
  expect(await views.reader(items).getMany(['a'])).toEqual([undefined]);
  const second = views.store.apply(waiting, 1, [item('c')]);
  // A rebuild writes each batch at once.
  const building = await views.store.startBuild(items);
  await views.store.apply(waiting, building, [item('d')]);
  commits = 0;
  await views.close();
  await Promise.all([first, second]);
  expect(commits).toBe(1);
});

it('lets a write that may wait, and has no others beside it, wait a fortieth of its time', async () => {
  const item: ViewOp = { ...sum('a', { n: 1, group: 'g' }), part: 'item' };
  await views.store.apply({ ...items, commitMs: 80 }, 1, [item]);
  expect(commits).toBeGreaterThan(0);
});

it('lets a write that fails neither hinder the writes beside it nor leave a part of itself', async () => {
  const { store } = views;
  const checkpoint = { topic: 't.left', partition: 0, next: 1, progress: [] };
  const advance = { ...checkpoint, from: 0 };
  const writes = await Promise.allSettled([
    store.apply(items, 1, [{ ...sum('good', { n: 1, group: 'g', tags: ['t'] }), part: 'item' }]),
    store.apply(totals, 1, [sum('moved')], { ...checkpoint, from: 7 }),
    store.apply(totals, 1, [sum('before'), sum('cyclic', itself())]),
    store.apply(totals, 1, [sum('last')], advance),
  ]);
  expect(writes.map(({ status }) => status)).toEqual(['fulfilled', 'rejected', 'rejected', 'fulfilled']);
  expect(writes[1]).toMatchObject({ reason: expect.any(CheckpointMoved) as unknown });
  expect(await views.reader(items).getMany(['good'])).toMatchObject([{ item: { n: 1 } }]);
  expect(await views.reader(totals).getMany(['moved', 'before', 'cyclic', 'last'])).toMatchObject([
    undefined,
    undefined,
    undefined,
    { left: { sum: 1 } },
  ]);
  expect(await store.checkpoints(totals, 1)).toEqual([checkpoint]);
});

/** The checkpoints of `totals` in the file. */
function stored(content: Uint8Array): readonly unknown[] {
  const { db } = new Connection(':memory:', true, content);
  const rows = db.prepare("SELECT part, next FROM checkpoints WHERE collection LIKE 'test_totals%'").all();
  db.close();
  return rows.map((row) => ({ ...row }));
}

it('needs no transaction for checkpoints without documents, and writes the last ones together (ADR 0133)', async () => {
  const { store } = views;
  const at = (next: number, partition = 0) => ({ topic: 't.left', partition, next, progress: [] });
  commits = 0;
  for (let next = 1; next <= 20; next++)
    for (const partition of [0, 1])
      expect(await store.apply(totals, 1, [], { ...at(next, partition), from: next - 1 })).toEqual([]);
  expect(commits).toBe(0);
  expect(await store.checkpoints(totals, 'live')).toEqual([at(20), at(20, 1)]);
  expect(stored(store.copy())).toEqual([
    { part: 0, next: 20 },
    { part: 1, next: 20 },
  ]);
  expect(commits).toBe(1);
  // The conditions are those of a checkpoint with documents.
  await expect(store.apply(totals, 1, [], { ...at(30), from: 19 })).rejects.toThrow(CheckpointMoved);
  await expect(store.apply(totals, 7, [], { ...at(30), from: 0 })).rejects.toThrow(CheckpointMoved);
  expect(await store.apply(totals, 1, [sum('a')], { ...at(21), from: 20 })).toEqual([]);
  await store.apply(totals, 1, [], { ...at(22), from: 21 });
  const refused = store.apply(totals, 1, [sum('b'), sum('self', itself())], { ...at(23), from: 22 });
  await expect(refused).rejects.toThrow();
  expect(await store.checkpoints(totals, 1)).toEqual([at(22), at(20, 1)]);
  expect(await store.apply(totals, 1, [sum('b')], { ...at(23), from: 22 })).toEqual([]);
  await store.apply(totals, 1, [], { ...at(24), from: 23 });
  await store.seal(totals, []);
  await expect(store.apply(totals, 1, [], { ...at(25), from: 24 })).rejects.toThrow(CheckpointMoved);
  expect(await store.checkpoints(totals, 1)).toEqual([at(24), at(20, 1)]);
});

it('writes a checkpoint without documents by itself after a while', async () => {
  const { store } = views;
  commits = 0;
  await store.apply(totals, 1, [], { topic: 't.left', partition: 0, from: 0, next: 5, progress: [] });
  await expect.poll(() => commits).toBe(1);
  expect(stored(store.copy())).toEqual([{ part: 0, next: 5 }]);
  expect(commits).toBe(1);
});

it('forgets a waiting checkpoint when its write fails, tries again, and drops it with its build', async () => {
  const { store } = views;
  const building = await store.startBuild(totals);
  const at = { topic: 't.left', partition: 0, next: 5, progress: [] };
  for (const build of [1, building]) await store.apply(totals, build, [], { ...at, from: 0 });
  const exec = vi.mocked(DatabaseSync.prototype.exec);
  const works = exec.getMockImplementation()!;
  exec.mockImplementation(() => {
    throw new Error('the disk is full');
  });
  store.copy();
  await nextTurn();
  exec.mockImplementation(works);
  expect(await store.checkpoints(totals, 1)).toEqual([at]);
  await store.dropBuild(totals, building);
  expect(stored(store.copy())).toEqual([{ part: 0, next: 5 }]);
  expect(await store.checkpoints(totals, building)).toEqual([]);
});

it('leaves nothing of a write whose build is sealed or dropped while it waits', async () => {
  const { store } = views;
  const checkpoint = { topic: 't.left', partition: 0, next: 1, progress: [] };
  const advance = { ...checkpoint, from: 0 };
  const building = await store.startBuild(totals);
  const sealed = store.apply(totals, 1, [sum('sealed')], advance);
  await Promise.all([expect(sealed).rejects.toThrow(CheckpointMoved), store.seal(totals, [])]);
  const dropped = store.apply(totals, building, [sum('dropped')], advance);
  await Promise.all([dropped.catch(() => undefined), store.dropBuild(totals, building)]);
  expect(await views.reader(totals).get('sealed')).toBeUndefined();
  expect(await store.builds(totals)).toEqual({ live: 1 });
  const next = await store.startBuild(totals);
  expect([await store.page(totals, next, ''), await store.checkpoints(totals, building)]).toEqual([[], []]);
  const { db } = new Connection(':memory:', true, store.copy());
  const tables = db.prepare("SELECT name FROM sqlite_master WHERE name LIKE 'test_totals%'").all();
  db.close();
  expect(tables).not.toEqual([]);
  expect(tables).not.toContainEqual({ name: expect.stringContaining(`_r${building}`) as string });
});

it('writes what waits before it closes, and nothing afterwards', async () => {
  const written = ['a', 'b'].map((name) =>
    views.store.apply(
      totals,
      1,
      Array.from({ length: 600 }, (_, n) => sum(`${name}-${n}`)),
    ),
  );
  await views.close();
  expect(await Promise.all(written)).toEqual([[], []]);
  const run = vi.mocked(StatementSync.prototype.run);
  run.mockClear();
  await nextTurn();
  expect(run).not.toHaveBeenCalled();
  await expect(views.store.apply(totals, 1, [sum('late')])).rejects.toThrow();
});
