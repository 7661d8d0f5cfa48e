import { constants, DatabaseSync } from 'node:sqlite';
import { afterEach, beforeEach, expect, it, vi } from 'vitest';
import { SqliteStore } from '../../log/embedded/sqlite-store.ts';
import { Database } from '../../state/embedded/database.ts';
import { EmbeddedRows } from '../../state/embedded/rows.ts';
import { items, sharedItems } from '../contract/fixture.ts';
import { openMemoryViews } from '../memory/index.ts';
import type { Projection, ViewReader } from '../index.ts';

/** SQLite asks the authorizer only when it prepares a statement, also if it does so by itself before an execution. */
let prepared = 0;
const databases = new Set<DatabaseSync>();

beforeEach(() => {
  const prepare = DatabaseSync.prototype.prepare;
  vi.spyOn(DatabaseSync.prototype, 'prepare').mockImplementation(function (this: DatabaseSync, sql) {
    databases.add(this);
    return prepare.call(this, sql);
  });
});
afterEach(() => {
  vi.restoreAllMocks();
  databases.clear();
});

/**
 * Runs `work` with other values each time. The first run prepares its statements, because a new authorizer makes SQLite
 * do so. No later run may.
 */
async function preparesOnce(work: (n: number) => unknown): Promise<void> {
  prepared = 0;
  for (const database of databases)
    database.setAuthorizer(() => {
      prepared += 1;
      return constants.SQLITE_OK;
    });
  await work(0);
  expect(prepared).toBeGreaterThan(0);
  prepared = 0;
  for (const n of [1, 2, 2, 3]) await work(n);
  expect(prepared).toBe(0);
}

type Query = (reader: ViewReader, n: number) => Promise<unknown>;
const group = (n: number): string => `g${n}`;
const QUERIES: Readonly<Record<string, Query>> = {
  'a page': (reader, n) => reader.find({ index: 'by_group', equals: [group(n)], limit: 1 + n, bodies: ['item.line'] }),
  'the next page': (reader, n) =>
    reader.find({
      ...{ index: 'by_group', equals: [group(n)], limit: 1 + n, except: [`g/T/d${n}`] },
      after: { values: [n], id: `g/T/d${n}` },
    }),
  'a page with joined bodies': (reader, n) =>
    reader.find({
      ...{ index: 'by_group', equals: [group(n)], limit: 1 + n, bodies: ['item.line'], except: [`g/T/d${n}`] },
      ...({ fields: 'text', maxBytes: 100 * n + 1, joined: true } as const),
    }),
  'a page by two values': (reader, n) =>
    reader.find({ index: 'by_group', equals: [group(n), n], limit: 1 + n, bodies: ['item.line'] }),
  'a page by two values with joined bodies': (reader, n) =>
    reader.find({
      ...{ index: 'by_group', equals: [group(n), n], limit: 1 + n, bodies: ['item.line'] },
      ...({ fields: 'text', maxBytes: 100 * n + 1, joined: true } as const),
    }),
  'keys by one of two values': (reader, n) => reader.find({ index: 'by_n', equals: [n], limit: 1 + n, fields: 'keys' }),
  'documents by an element': (reader, n) => reader.find({ index: 'by_tag', equals: [group(n), 'x'], limit: 1 + n }),
  ids: (reader, n) => reader.ids({ index: 'by_tag', equals: [group(n)], all: [['x']], limit: 1 + n }),
  'ids by two conditions': (reader, n) =>
    reader.ids({ index: 'by_tag', equals: [group(n)], all: [['x'], [{ gte: 'a', lt: `y${n}` }]], limit: 1 + n }),
  versions: (reader, n) => reader.versions({ index: 'by_tag', equals: [group(n)], all: [['x']], limit: 1 + n }),
  'a count': (reader, n) => reader.count({ index: 'by_tag', equals: [group(n)], all: [['x']], limit: 1 + n }),
  'a count of several': (reader, n) =>
    reader.count({ index: 'by_tag', equals: [[group(n), 'g']], all: [['x', 'y']], limit: 1 + n }),
  'documents by a value': (reader, n) => reader.having({ index: 'by_group', any: [[group(n)]] }),
  'documents by one of several values': (reader, n) =>
    reader.having({ index: 'by_group', any: [[group(n)], [group(n + 1)]], limit: 1 + n }),
  'documents by ids with joined bodies': (reader, n) =>
    reader.getMany([`g/T/d${n}`, `g/T/d${n + 1}`], {
      ...({ bodies: ['item.line'], fields: 'text', maxBytes: 100 * n + 1, versions: true, joined: true } as const),
    }),
  'documents that are not plain': (reader, n) =>
    reader.others({ owners: [`g${n}`], has: (id) => id === `g${n}/T/d`, all: () => [`g${n}/T/d`] }),
  'one document': (reader, n) => reader.get(`g/T/d${n}`),
  'one document with a body': (reader, n) => reader.get(`g/T/d${n}`, { bodies: ['item.line'] }),
  'documents by ids': (reader, n) => reader.getMany([`g/T/d${n}`, `g/T/d${n + 1}`], { plain: 'left out' }),
};

it.each(
  [items, sharedItems].flatMap((projection) =>
    Object.entries(QUERIES).map(([what, query]) => ({ what, query, projection, of: projection.name })),
  ),
)('prepares a query of $of for $what once', async ({ query, projection }) => {
  const views = openMemoryViews();
  await views.store.ensure(projection);
  await views.store.apply(projection, 1, some(projection));
  const reader = views.reader(projection);
  await preparesOnce((n) => query(reader, n));
  await views.close();
});

const some = ({ topics }: Projection) =>
  Array.from({ length: 8 }, (_, n) => ({
    ...{ id: `g/T/d${n}`, part: topics['t.items']!.part, partition: 0, offset: n },
    value: { n, group: group(n % 4), tags: ['x', `own ${n}`], line: 'l' },
  }));

it('prepares the statements that read the log once', async () => {
  const store = new SqliteStore({ file: ':memory:', partitions: 1, changed: () => undefined });
  const key = 'k';
  const record = { key, partitionKey: key, headers: {}, value: Buffer.alloc(13_000_000) };
  // The newest 24 MB would come from memory.
  for (let n = 0; n < 4; n++) await store.append('t', [{ partition: 0, record }]);
  await preparesOnce((n) => store.borrow('t', 0, 0, 1 + n, 100 * n + 1));
  await store.close();
});

it('prepares the statements that find rows of the state once', async () => {
  const rows = new EmbeddedRows(new Database(':memory:'), () => 1000);
  const queue = (n: number): string => `q${n}`;
  await preparesOnce(async (n) => {
    await rows.scan('lanes', { queue: queue(n), lookAt: { lte: n } }, { order: 'turn', limit: 1 });
    await rows.scan('work', { queue: queue(n), app: `a${n}`, open: true }, { order: 'freeAt', limit: 1 });
    await rows.scan('work', { queue: queue(n), _id: { gte: `${queue(n)}\na`, lt: `${queue(n)}\nb${n}` } });
    await rows.scan('streams', { _id: `s${n}` });
  });
});
