import { StatementSync } from 'node:sqlite';
import { afterEach, beforeEach, expect, it, vi } from 'vitest';
import { items, totals } from '../contract/fixture.ts';
import { openMemoryViews } from '../memory/index.ts';
import type { Projection } from '../projection.ts';
import type { PartPosition } from '../store.ts';

let views: ReturnType<typeof openMemoryViews>;
const statements: string[] = [];

beforeEach(async () => {
  views = openMemoryViews();
  await views.store.ensure(items);
  await views.store.ensure(totals);
  for (const method of ['run', 'get', 'all'] as const) {
    const original = StatementSync.prototype[method] as (...values: unknown[]) => unknown;
    vi.spyOn(StatementSync.prototype, method).mockImplementation(function (this: StatementSync, ...values: unknown[]) {
      const [, what, table] = /^(\w+).*?"test_(\w+)"/.exec(this.sourceSQL) ?? [];
      if (what !== undefined) statements.push(`${what} ${table}`);
      return original.apply(this, values) as never;
    });
  }
});
afterEach(async () => {
  vi.restoreAllMocks();
  await views.close();
});

async function written(projection: Projection, part: string, offset: number, value: object, base?: PartPosition) {
  statements.splice(0);
  const op = { id: 'a', part, partition: 0, offset, value, ...(base !== undefined && { base }) };
  expect(await views.store.apply(projection, 'live', [op])).toEqual([]);
  return statements.splice(0);
}

it('writes a new document with a statement for the row, the body and each element of an array index', async () => {
  const value = { n: 1, group: 'g', tags: ['x', 'y'], line: 'l' };
  expect(await written(items, 'item', 0, value)).toEqual([
    // The last number of a body: once for each process.
    'SELECT items_v1_r1__bodies',
    'INSERT items_v1_r1',
    'INSERT items_v1_r1__bodies',
    'INSERT items_v1_r1__by_tag',
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

it('refuses a part that was written since it was loaded', async () => {
  await written(totals, 'left', 0, { sum: 1, seen: 1 }, {});
  const op = { id: 'a', part: 'left', partition: 1, offset: 0, value: { sum: 5, seen: 1 }, base: {} };
  expect(await views.store.apply(totals, 'live', [op])).toEqual(['a']);
});
