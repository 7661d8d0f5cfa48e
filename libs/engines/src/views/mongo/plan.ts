import type { Db } from 'mongodb';
import type { PlannedIndex } from '../../mongo/indexes.ts';
import { collectionName, type Projection } from '../projection.ts';
import { physicalName } from '../encoding.ts';
import { definitionOf } from '../query.ts';
import { Checkpoints } from './checkpoints.ts';
import { Calls } from './faults.ts';
import { buildIndexes, planIndexes } from './indexes.ts';
import { layoutOf } from './layout.ts';
import { clientOf, type MongoOptions } from './options.ts';
import { Registry } from './registry.ts';
import type { Registered } from '../view-store.ts';

/** Calls without a deadline, because an index of a large collection takes long. */
const PATIENT = new Calls(0);

/**
 * Which collections and indexes of the projections exist, and which are missing. Changes nothing. The index `(view)`
 * means the registered definition of a view. If it differs, the projection needs a new version. The collection of a
 * view that does not exist yet is the one that would be created.
 */
export function planViews(options: MongoOptions, projections: readonly Projection[]): Promise<readonly PlannedIndex[]> {
  return connected(options, async (db) => {
    const planned: PlannedIndex[] = [];
    for (const projection of await wantedOf(db, projections)) planned.push(...(await planOf(db, projection)));
    return planned;
  });
}

/**
 * Creates missing views and indexes while the views are read and written. Drops and changes nothing, and two processes
 * may do it at once. Returns what exists afterwards. An index of a large collection may take long.
 */
export function applyViews(
  options: MongoOptions,
  projections: readonly Projection[],
): Promise<readonly PlannedIndex[]> {
  return connected(options, async (db) => {
    const planned: PlannedIndex[] = [];
    const registry = new Registry(db, 0, PATIENT);
    await new Checkpoints(db, PATIENT).createIndex('views');
    for (const projection of await wantedOf(db, projections)) {
      const layout = layoutOf(projection);
      await registry.insert({ _id: layout.collection, definition: definitionOf(projection), live: 1, last: 1 });
      const { entry } = await registry.fresh(layout.collection);
      if (entry?.definition === definitionOf(projection))
        for (const build of buildsOf(entry))
          await buildIndexes(db, layout, physicalName(layout.collection, build), PATIENT);
      planned.push(...(await planOf(db, projection)));
    }
    return planned;
  });
}

/** Without former views that nobody has made. */
async function wantedOf(db: Db, projections: readonly Projection[]): Promise<readonly Projection[]> {
  const registry = new Registry(db, 0, PATIENT);
  const wanted: Projection[] = [];
  for (const projection of projections)
    if (projection.former !== true || (await registry.fresh(collectionName(projection))).entry !== undefined)
      wanted.push(projection);
  return wanted;
}

async function planOf(db: Db, projection: Projection): Promise<readonly PlannedIndex[]> {
  const layout = layoutOf(projection);
  const { entry } = await new Registry(db, 0, PATIENT).fresh(layout.collection);
  const state = entry === undefined ? 'missing' : entry.definition === definitionOf(projection) ? 'present' : 'differs';
  const planned: PlannedIndex[] = [
    { collection: physicalName(layout.collection, entry?.live ?? 1), index: '(view)', state },
  ];
  for (const build of entry === undefined ? [1] : buildsOf(entry)) {
    const collection = physicalName(layout.collection, build);
    planned.push(...(await planIndexes(db, layout, collection, PATIENT)));
  }
  return planned;
}

const buildsOf = ({ live, building }: Registered): readonly number[] => [
  live,
  ...(building === undefined ? [] : [building]),
];

async function connected<T>(options: MongoOptions, work: (db: Db) => Promise<T>): Promise<T> {
  const client = clientOf(options, { socketTimeoutMS: 0 });
  try {
    return await work(client.db(options.database));
  } finally {
    await client.close();
  }
}
