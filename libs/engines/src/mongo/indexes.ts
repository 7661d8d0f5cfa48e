import type { CreateIndexesOptions, Db, IndexDescriptionInfo } from 'mongodb';

/** An ascending index, which is never unique. */
export interface WantedIndex {
  readonly name: string;
  readonly key: Readonly<Record<string, 1>>;
  readonly options: Pick<CreateIndexesOptions, 'sparse' | 'partialFilterExpression' | 'expireAfterSeconds'>;
}
export interface PlannedIndex {
  readonly collection: string;
  readonly index: string;
  /** `extra`: not declared, and never changed. */
  readonly state: 'present' | 'missing' | 'differs' | 'extra';
}

const NO_COLLECTION = 26;
const DIFFERENT = new Set<unknown>([85, 86]);
const codeOf = (error: unknown): unknown => (error as { readonly code?: unknown }).code;

/** The wanted indexes of a collection, and others that it has. Throws errors of the driver. */
export async function compareIndexes(
  db: Db,
  collection: string,
  wanted: readonly WantedIndex[],
): Promise<readonly PlannedIndex[]> {
  const there = await db
    .collection(collection)
    .indexes()
    .catch((error: unknown) => {
      if (codeOf(error) === NO_COLLECTION) return [];
      throw error;
    });
  const byName = new Map(there.map((index) => [index.name!, index]));
  const extra = [...byName.keys()].filter((name) => name !== '_id_' && !wanted.some((w) => w.name === name));
  return [
    ...wanted.map((index): PlannedIndex => {
      const found = byName.get(index.name);
      const state = found === undefined ? 'missing' : matches(index, found) ? 'present' : 'differs';
      return { collection, index: index.name, state };
    }),
    ...extra.map((index): PlannedIndex => ({ collection, index, state: 'extra' })),
  ];
}

const matches = ({ key, options }: WantedIndex, found: IndexDescriptionInfo): boolean =>
  JSON.stringify(key) === JSON.stringify(found.key) &&
  JSON.stringify(options.partialFilterExpression) === JSON.stringify(found.partialFilterExpression) &&
  options.expireAfterSeconds === found.expireAfterSeconds &&
  (options.sparse === true) === (found.sparse === true) &&
  found.unique !== true;

/**
 * Creates the missing indexes. Only a person may drop or change an index with another definition, because a person
 * created it. Two processes may do it at once. Throws errors of the driver.
 */
export async function createIndexes(db: Db, collection: string, wanted: readonly WantedIndex[]): Promise<void> {
  for (const { name, key, options } of wanted)
    await db
      .collection(collection)
      .createIndex(key, { ...options, name })
      .catch((error: unknown) => {
        if (!DIFFERENT.has(codeOf(error))) throw error;
      });
}
