import type { Db } from 'mongodb';
import { compareIndexes, createIndexes, type PlannedIndex } from '../../mongo/indexes.ts';
import { EnsureError } from '../store.ts';
import type { Calls } from './faults.ts';
import { indexesOf, type Layout } from './layout.ts';

/** The indexes of a build, beside those that the projection declares. */
export const planIndexes = (db: Db, layout: Layout, physical: string, calls: Calls): Promise<readonly PlannedIndex[]> =>
  calls.asking(layout.collection, () => compareIndexes(db, physical, indexesOf(layout)));

/**
 * Throws EnsureError when a declared index of a build is missing or has another key. MongoDB would then scan the whole
 * collection for each query, and nobody would see why reads are slow.
 */
export async function requireIndexes(db: Db, layout: Layout, physical: string, calls: Calls): Promise<void> {
  const wrong = (await planIndexes(db, layout, physical, calls)).find(
    ({ state }) => state === 'missing' || state === 'differs',
  );
  if (wrong === undefined) return;
  const where = `${layout.collection}: index "${wrong.index}" of collection ${physical}`;
  if (wrong.state === 'missing') throw new EnsureError(`${where} is missing. Create it with \`pa views apply\``);
  throw new EnsureError(
    `${where} is another than the projection declares. Drop this index, then create it with \`pa views apply\``,
  );
}

/** Builds the missing indexes of a build, and never drops or changes one. */
export const buildIndexes = (db: Db, layout: Layout, physical: string, calls: Calls): Promise<void> =>
  calls.calling(layout.collection, () => createIndexes(db, physical, indexesOf(layout)));
