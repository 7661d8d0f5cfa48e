import { VALUE } from '../../log/embedded/index.ts';

/** How the rows of a build have the ids of their documents. */
export interface RowIds {
  /** The columns of the id. They are unique together, and no other columns of a table have their names. */
  readonly columns: readonly string[];
  /** SQL: the columns and their constraint, for the table of documents. */
  readonly definitions: readonly string[];
  readonly constraints: readonly string[];
  /** SQL: the id of a row. @param row the name of the row with a dot, or nothing */
  id(row: string): string;
  /** SQL: the id of row `t`, and what joins it. A query of many rows takes less time so than with `id`. */
  readonly joined: { readonly id: string; readonly join: string };
  /** SQL: whether a row has an id. Values: `valuesOf`. */
  is(row: string): string;
  valuesOf(id: string): readonly string[];
  /** SQL: whether row `t` has the id of an element `j` of a list. The list is `listOf`. */
  readonly isListed: string;
  /** JSON */
  listOf(ids: readonly string[]): string;
}

const WHOLE: RowIds = {
  columns: ['_id'],
  definitions: ['_id TEXT NOT NULL UNIQUE'],
  constraints: [],
  id: (row) => `${row}_id`,
  joined: { id: 't._id', join: '' },
  is: (row) => `${row}_id = ${VALUE}`,
  valuesOf: (id) => [id],
  isListed: 't._id = j.value',
  listOf: (ids) => JSON.stringify(ids),
};

/**
 * The folder of an id and the name in the folder. The folder ends with the second slash, as `m1/Observation/` does. An
 * id with fewer slashes is a folder, and its name is empty. No folder with names begins another folder. So ids are in
 * the order of their folders, and then in the order of their names.
 */
export function splitId(id: string): readonly [folder: string, name: string] {
  const text = id.toWellFormed();
  const first = text.indexOf('/');
  const end = first < 0 ? -1 : text.indexOf('/', first + 1);
  return end < 0 ? [text, ''] : [text.slice(0, end + 1), text.slice(end + 1)];
}

/** The folders of a build, as number and path. */
export const folderTableName = (physical: string): string => `${physical}__folders`;
export const folderTable = (physical: string): string => `"${folderTableName(physical)}"`;

/** Many documents have the same folder, so a row and its index have a number for it. */
const inFolders = (folders: string): RowIds => ({
  columns: ['folder', 'name'],
  definitions: ['folder INTEGER NOT NULL', 'name TEXT NOT NULL'],
  constraints: ['UNIQUE (folder, name)'],
  id: (row) => `((SELECT path FROM ${folders} WHERE folder = ${row}folder) || ${row}name)`,
  joined: { id: '(f.path || t.name)', join: ` CROSS JOIN ${folders} f ON f.folder = t.folder` },
  is: (row) => `${row}folder = (SELECT folder FROM ${folders} WHERE path = ${VALUE}) AND ${row}name = ${VALUE}`,
  valuesOf: splitId,
  isListed: `t.folder = (SELECT folder FROM ${folders} WHERE path = j.value ->> 0) AND t.name = j.value ->> 1`,
  listOf: (ids) => JSON.stringify(ids.map(splitId)),
});

/** Rows of a view with an index that shares texts have their ids in folders. */
export const rowIdsOf = ({ hasFolders }: { readonly hasFolders: boolean }, physical: string): RowIds =>
  hasFolders ? inFolders(folderTable(physical)) : WHOLE;
