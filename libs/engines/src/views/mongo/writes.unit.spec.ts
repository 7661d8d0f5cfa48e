import type { Collection } from 'mongodb';
import { expect, it } from 'vitest';
import { totals } from '../contract/fixture.ts';
import type { ViewOp } from '../store.ts';
import type { Calls } from './faults.ts';
import { layoutOf, type StoredDocument } from './layout.ts';
import { writeOps } from './writes.ts';

/** The kinds of the writes of one bulk, in order. */
async function written(...ops: readonly Omit<ViewOp, 'part' | 'partition' | 'offset' | 'value'>[]): Promise<string[]> {
  const kinds: string[] = [];
  const collection = {
    bulkWrite: async (writes: readonly object[]) => {
      kinds.push(...writes.flatMap((write) => Object.keys(write)));
      return { getWriteConcernError: () => undefined };
    },
  };
  const calls = { within: (work: () => Promise<unknown>) => work() };
  await writeOps(
    collection as unknown as Collection<StoredDocument>,
    layoutOf(totals),
    ops.map((op) => ({ part: 'right', partition: 0, offset: 1, value: { sum: 1, seen: 1 }, ...op })),
    calls as unknown as Calls,
  );
  return kinds;
}

it('inserts what a record begins, also in a view of several parts', async () => {
  expect(await written({ id: 'a', begins: true }, { id: 'b', begins: true, base: {} })).toEqual([
    'insertOne',
    'insertOne',
  ]);
  // Another topic may have made the document.
  expect(await written({ id: 'a', base: {} }, { id: 'b' }, { id: 'c', base: { 0: 0 } })).toEqual([
    'updateOne',
    'updateOne',
    'updateOne',
  ]);
});
