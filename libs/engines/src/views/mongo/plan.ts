import type { Db } from 'mongodb';
import type { Projection } from '../projection.ts';
import { physicalName } from '../encoding.ts';
import { definitionOf } from '../query.ts';
import { Checkpoints } from './checkpoints.ts';
import { Calls } from './faults.ts';
import { compareIndexes, createIndexes, type IndexState } from './indexes.ts';
import { layoutOf } from './layout.ts';
import { clientOf, type MongoOptions } from './options.ts';
import { Registry } from './registry.ts';
import type { Registered } from '../view-store.ts';

/** Calls without a deadline, because an index of a large collection takes long. */
const PATIENT = new Calls(0);

export interface PlannedView {
  /** The collection of a build, or the one that would be created for a view that does not exist yet. */
  readonly collection: string;
  /** Name of an index; `(view)` means the registered definition of the view. */
  readonly index: string;
  /**
   * `differs`: the definition changed, so the projection needs a new version. `extra`: not declared, and never changed.
   */
  readonly state: IndexState;
}

/** Which collections and indexes of the projections exist, and which are missing. Changes nothing. */
export function planViews(options: MongoOptions, projections: readonly Projection[]): Promise<readonly PlannedView[]> {
  return connected(options, async (db) => {
    const planned: PlannedView[] = [];
    for (const projection of projections) planned.push(...(await planOf(db, projection)));
    return planned;
  });
}

/**
 * Creates missing views and indexes while the views are read and written. Drops and changes nothing, and two processes
 * may do it at once. Returns what exists afterwards. An index of a large collection may take long.
 */
export function applyViews(options: MongoOptions, projections: readonly Projection[]): Promise<readonly PlannedView[]> {
  return connected(options, async (db) => {
    const planned: PlannedView[] = [];
    const registry = new Registry(db, 0, PATIENT);
    await new Checkpoints(db, PATIENT).createIndex('views');
    for (const projection of projections) {
      const layout = layoutOf(projection);
      await registry.insert({ _id: layout.collection, definition: definitionOf(projection), live: 1, last: 1 });
      const { entry } = await registry.fresh(layout.collection);
      if (entry?.definition === definitionOf(projection))
        for (const build of buildsOf(entry))
          await createIndexes(db, layout, physicalName(layout.collection, build), PATIENT);
      planned.push(...(await planOf(db, projection)));
    }
    return planned;
  });
}

async function planOf(db: Db, projection: Projection): Promise<readonly PlannedView[]> {
  const layout = layoutOf(projection);
  const { entry } = await new Registry(db, 0, PATIENT).fresh(layout.collection);
  const state = entry === undefined ? 'missing' : entry.definition === definitionOf(projection) ? 'present' : 'differs';
  const planned: PlannedView[] = [
    { collection: physicalName(layout.collection, entry?.live ?? 1), index: '(view)', state },
  ];
  for (const build of entry === undefined ? [1] : buildsOf(entry)) {
    const collection = physicalName(layout.collection, build);
    planned.push(...(await compareIndexes(db, layout, collection, PATIENT)).map((i) => ({ collection, ...i })));
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
