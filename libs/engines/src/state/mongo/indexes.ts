import type { Db, IndexDescriptionInfo } from 'mongodb';
import { indexesOfCollection } from '../../mongo/client.ts';
import { connect, guarded } from './client.ts';
import type { MongoOptions } from './options.ts';

interface Declared {
  readonly collection: string;
  readonly name: string;
  readonly key: Readonly<Record<string, 1>>;
  readonly options?: {
    readonly sparse?: true;
    readonly partialFilterExpression?: object;
    readonly expireAfterSeconds?: number;
  };
}

const tidy = (collection: string): Declared => ({
  collection,
  name: 'tidy',
  key: { tidyAt: 1 },
  options: { expireAfterSeconds: 0 },
});
const DECLARED: readonly Declared[] = [
  { collection: 'state_streams', name: 'waiting', key: { waiting: 1 }, options: { sparse: true } },
  {
    collection: 'state_work',
    name: 'open',
    key: { queue: 1, seq: 1, freeAt: 1 },
    options: { partialFilterExpression: { open: true } },
  },
  { collection: 'state_presence', name: 'group', key: { group: 1, holder: 1 } },
  tidy('state_claims'),
  tidy('state_counters'),
  tidy('state_presence'),
];

export interface IndexPlan {
  readonly collection: string;
  readonly index: string;
  readonly state: 'present' | 'missing' | 'different';
}

/** The store lacks indexes, which `applyState` or the option `applyIndexes` creates. */
export class MissingIndexes extends Error {
  override readonly name = 'MissingIndexes';
}

function same(declared: Declared, found: IndexDescriptionInfo): boolean {
  const { sparse, partialFilterExpression, expireAfterSeconds } = declared.options ?? {};
  return (
    JSON.stringify(found.key) === JSON.stringify(declared.key) &&
    (found.sparse === true) === (sparse === true) &&
    found.unique !== true &&
    JSON.stringify(found.partialFilterExpression) === JSON.stringify(partialFilterExpression) &&
    found.expireAfterSeconds === expireAfterSeconds
  );
}

async function planIndexes(db: Db): Promise<readonly IndexPlan[]> {
  const collections = [...new Set(DECLARED.map((d) => d.collection))];
  const found = new Map(
    await Promise.all(collections.map(async (c) => [c, await guarded(() => indexesOfCollection(db, c))] as const)),
  );
  return DECLARED.map((declared) => {
    const one = found.get(declared.collection)!.find((index) => index.name === declared.name);
    return {
      collection: declared.collection,
      index: declared.name,
      state: one === undefined ? 'missing' : same(declared, one) ? 'present' : 'different',
    };
  });
}

/** Creates missing indexes. Only a person may drop an index with another definition, because a person created it. */
async function applyIndexes(db: Db): Promise<readonly IndexPlan[]> {
  const plan = await planIndexes(db);
  const missing = DECLARED.filter((_, i) => plan[i]!.state === 'missing');
  for (const collection of new Set(missing.map((d) => d.collection))) {
    const specs = missing
      .filter((d) => d.collection === collection)
      .map(({ name, key, options }) => ({ name, key, ...options }));
    await guarded(() => db.collection(collection).createIndexes(specs));
  }
  return missing.length === 0 ? plan : planIndexes(db);
}

export async function ensureIndexes(db: Db, create: boolean): Promise<void> {
  const open = (create ? await applyIndexes(db) : await planIndexes(db)).filter((p) => p.state !== 'present');
  if (open.length > 0)
    throw new MissingIndexes(
      `indexes of the state store: ${open.map((p) => `${p.collection}.${p.index} is ${p.state}`).join(', ')}`,
    );
}

async function once<T>(options: MongoOptions, work: (db: Db) => Promise<T>): Promise<T> {
  const { client, db } = await connect(options);
  try {
    return await work(db);
  } finally {
    await client.close();
  }
}

/** The existing and missing indexes of the state store. Changes nothing. Throws EngineUnavailable. */
export function planState(options: MongoOptions): Promise<readonly IndexPlan[]> {
  return once(options, planIndexes);
}

/** Creates the missing indexes and returns the state of all. It may run repeatedly and concurrently. */
export function applyState(options: MongoOptions): Promise<readonly IndexPlan[]> {
  return once(options, applyIndexes);
}
