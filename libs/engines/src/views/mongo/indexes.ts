import type { Db, IndexDescriptionInfo } from 'mongodb';
import { indexesOfCollection } from '../../mongo/client.ts';
import { EnsureError } from '../store.ts';
import type { Calls } from './faults.ts';
import { indexesOf, type Layout, type WantedIndex } from './layout.ts';

export type IndexState = 'present' | 'missing' | 'differs' | 'extra';
export interface PlannedIndex {
  readonly index: string;
  readonly state: IndexState;
}

const DIFFERENT = new Set([85, 86]);

/**
 * The indexes of a build, beside those that the projection declares. An index that exists and is not declared stays.
 */
export async function compareIndexes(
  db: Db,
  layout: Layout,
  physical: string,
  calls: Calls,
): Promise<readonly PlannedIndex[]> {
  const there = await calls.asking(layout.collection, () => indexesOfCollection(db, physical));
  const byName = new Map(there.map((i) => [i.name!, i]));
  const wanted = indexesOf(layout);
  const planned = wanted.map((index): PlannedIndex => {
    const found = byName.get(index.name);
    return {
      index: index.name,
      state: found === undefined ? 'missing' : matches(index, found) ? 'present' : 'differs',
    };
  });
  const extra = [...byName.keys()].filter((name) => name !== '_id_' && !wanted.some((w) => w.name === name));
  return [...planned, ...extra.map((index): PlannedIndex => ({ index, state: 'extra' }))];
}

/**
 * Throws EnsureError when a declared index of a build is missing or has another key. MongoDB would then scan the whole
 * collection for each query, and nobody would see why reads are slow.
 */
export async function requireIndexes(db: Db, layout: Layout, physical: string, calls: Calls): Promise<void> {
  const wrong = (await compareIndexes(db, layout, physical, calls)).find(
    ({ state }) => state === 'missing' || state === 'differs',
  );
  if (wrong === undefined) return;
  const where = `${layout.collection}: index "${wrong.index}" of collection ${physical}`;
  if (wrong.state === 'missing') throw new EnsureError(`${where} is missing. Create it with \`pa views apply\``);
  throw new EnsureError(
    `${where} is another than the projection declares. Drop this index, then create it with \`pa views apply\``,
  );
}

const matches = (wanted: WantedIndex, found: IndexDescriptionInfo): boolean =>
  JSON.stringify(wanted.key) === JSON.stringify(found.key) &&
  JSON.stringify(wanted.options.partialFilterExpression) === JSON.stringify(found.partialFilterExpression) &&
  found.unique !== true;

/** Builds the missing indexes, and never drops or changes one. Two processes may do it at once. */
export async function createIndexes(db: Db, layout: Layout, physical: string, calls: Calls): Promise<void> {
  for (const { name, key, options } of indexesOf(layout)) {
    await calls.calling(layout.collection, async () => {
      try {
        await db.collection(physical).createIndex(key, { ...options, name });
      } catch (error) {
        if (!DIFFERENT.has((error as { code?: number }).code ?? 0)) throw error;
      }
    });
  }
}
