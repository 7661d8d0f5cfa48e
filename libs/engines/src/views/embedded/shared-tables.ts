import type { DatabaseSync } from 'node:sqlite';
import type { IndexDefinition } from '../projection.ts';

/**
 * The tables of an array index that shares texts (ADR 0094). An element is the place of a text in `texts`, which are in
 * the order of the texts, or the text itself as long as few documents have it. SQLite sorts integers before texts. The
 * row of a document has its scope and a JSON list of its elements, so that a change finds the old ones.
 */
const SUFFIXES = {
  /** Scope, element and document. */
  elements: '',
  /** The values of the fields in front of the array. The documents of a member have few. */
  scopes: '_scopes',
  texts: '_texts',
  /** How many documents have each shared text. It is apart, because nearly every write changes it. */
  uses: '_uses',
};
/** Quoted names of the tables. */
export type SharedTables = Readonly<Record<keyof typeof SUFFIXES, string>>;

const KEYS: SharedTables = {
  elements: 'scope, element, document',
  scopes: 'scope',
  texts: 'place',
  uses: 'place',
};

const nameOf = (physical: string, index: IndexDefinition, suffix: string): string =>
  `${physical}__${index.name}${suffix}`;

export const sharedTables = (physical: string, index: IndexDefinition): SharedTables =>
  Object.fromEntries(
    Object.entries(SUFFIXES).map(([table, suffix]) => [table, `"${nameOf(physical, index, suffix)}"`]),
  ) as SharedTables;

/** The tables by their names, which are not quoted, each with the columns of its key. */
export const sharedTableKeys = (
  physical: string,
  index: IndexDefinition,
): readonly { readonly table: string; readonly key: string }[] =>
  (Object.keys(SUFFIXES) as (keyof SharedTables)[]).map((table) => ({
    table: nameOf(physical, index, SUFFIXES[table]),
    key: KEYS[table],
  }));

export function createSharedTables(db: DatabaseSync, physical: string, index: IndexDefinition): void {
  const { elements, scopes, texts, uses } = sharedTables(physical, index);
  const fields = prefixColumns(index).join(', ');
  // The column `element` has no type, because SQLite would make numbers texts or texts numbers.
  db.exec(`
    CREATE TABLE ${elements} (scope INTEGER, element, document INTEGER, PRIMARY KEY (scope, element, document))
      WITHOUT ROWID;
    CREATE TABLE ${scopes} (scope INTEGER PRIMARY KEY, ${fields}, UNIQUE (${fields}));
    CREATE TABLE ${texts} (place INTEGER PRIMARY KEY, text TEXT NOT NULL UNIQUE);
    CREATE TABLE ${uses} (place INTEGER PRIMARY KEY, documents INTEGER NOT NULL);`);
}

/** The columns of the index in the table of documents. */
export const SHARED_COLUMNS = ['scope', 'elements'] as const;

/** The columns of the fields in front of an array. */
export const prefixColumns = ({ fields }: IndexDefinition): readonly string[] =>
  fields.slice(0, -1).map((_, i) => `k${i}`);
