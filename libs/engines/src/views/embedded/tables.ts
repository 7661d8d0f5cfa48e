import { hash } from 'node:crypto';
import type { DatabaseSync } from 'node:sqlite';
import { physicalName } from '../encoding.ts';
import { collectionName, type IndexDefinition, oncePerProjection, type Projection } from '../projection.ts';
import { checkProjection, splitPath } from '../query.ts';
import { folderTable, folderTableName, rowIdsOf } from './row-ids.ts';
import { createSharedTables, SHARED_COLUMNS, sharedTableKeys } from './shared-tables.ts';
import { VALUE } from '../../log/embedded/index.ts';

/**
 * The tables of a projection in SQLite. Each document is a row, in the order of arrival (`body`). So a commit of new
 * documents writes few pages, whatever their ids are. A unique index finds the ids (`RowIds`). Builds of 0.2.0 are in
 * the order of `_id`, with the same columns, so both releases read and write both. A row has JSON (`d<n>`) and a
 * position (`p<n>`) for each part, and a column for each indexed path (`f<n>`). Bodies (`b<n>`) are in another table
 * under the same number. So rows are small, and a body is read only when needed. (Pages of 20 are twice as fast as with
 * bodies in the row; writes and scans with bodies are equal.)
 */
/** An array index with the paths of its fields in the part. */
export interface ArrayPaths {
  readonly index: IndexDefinition;
  readonly paths: readonly (readonly string[])[];
}

export interface PartColumns {
  readonly name: string;
  readonly n: number;
  /** Column and fields of each indexed path of the part. */
  readonly indexed: readonly { readonly column: string; readonly fields: readonly string[] }[];
  readonly bodies: readonly { readonly column: string; readonly field: string; readonly path: string }[];
  readonly bodyFields: readonly string[];
  readonly arrays: readonly ArrayPaths[];
  /** The array index that shares texts, if it is one of this part. Its tables are those of `sharedTables`. */
  readonly shared: ArrayPaths | undefined;
}

export interface Layout {
  readonly collection: string;
  readonly parts: readonly PartColumns[];
  readonly partByName: ReadonlyMap<string, PartColumns>;
  /** Column by path, without paths of array indexes. */
  readonly columns: ReadonlyMap<string, string>;
  /** Whether an index shares texts. Then the rows have their ids in folders (`rowIdsOf`), too. */
  readonly hasFolders: boolean;
  readonly projection: Projection;
}

export const quoted = (name: string): string => `"${name}"`;
/**
 * What inserts several rows. A statement that undoes itself on an error copies each page before it changes it. With `OR
 * FAIL` it stops at the error, and the transaction undoes its rows, because each error of a write ends one.
 */
export const INSERT_MANY = 'INSERT OR FAIL INTO';

export const bodyTable = (physical: string): string => `${physical}__bodies`;
export const arrayTable = (physical: string, index: IndexDefinition): string => `${physical}__${index.name}`;

/** The columns of the table of an array index: the fields, of which the last one is an element, and the document. */
const arrayKey = ({ fields }: IndexDefinition): string => [...fields.map((_, i) => `k${i}`), '_id'].join(', ');

export const layoutOf = oncePerProjection((projection): Layout => {
  checkProjection(projection);
  const columns = new Map<string, string>();
  for (const index of projection.indexes) {
    if (index.array) continue;
    for (const path of index.fields) if (!columns.has(path)) columns.set(path, `f${columns.size}`);
  }
  const bodyColumns = (projection.bodies ?? []).map((path, n) => ({ path, column: `b${n}` }));
  const arrays = projection.indexes
    .filter((i) => i.array)
    .map((index): ArrayPaths => ({ index, paths: index.fields.map((f) => splitPath(f)[1]) }));
  const parts = Object.values(projection.topics).map((topic, n): PartColumns => {
    const mine = (path: string): boolean => splitPath(path)[0] === topic.part;
    const bodies = bodyColumns
      .filter(({ path }) => mine(path))
      .map(({ path, column }) => ({ column, path, field: splitPath(path)[1][0]! }));
    return {
      name: topic.part,
      n,
      indexed: [...columns]
        .filter(([path]) => mine(path))
        .map(([path, column]) => ({ column, fields: splitPath(path)[1] })),
      bodies,
      bodyFields: bodies.map(({ field }) => field),
      arrays: arrays.filter(({ index }) => !index.shared && mine(index.fields[0]!)),
      shared: arrays.find(({ index }) => index.shared && mine(index.fields[0]!)),
    };
  });
  return {
    collection: collectionName(projection),
    parts,
    partByName: new Map(parts.map((p) => [p.name, p])),
    columns,
    hasFolders: parts.some(({ shared }) => shared !== undefined),
    projection,
  };
});

export function createTables(db: DatabaseSync, layout: Layout, build: number): void {
  const physical = physicalName(layout.collection, build);
  const ids = rowIdsOf(layout, physical);
  const columns = [
    'body INTEGER PRIMARY KEY',
    ...ids.definitions,
    ...layout.parts.map((p) => `p${p.n} INTEGER`), // integer for one partition, JSON text for several
    ...layout.columns.values(),
    ...layout.parts.map((p) => `d${p.n} TEXT`),
    ...(layout.hasFolders ? SHARED_COLUMNS : []),
    ...ids.constraints,
  ];
  if (layout.hasFolders)
    db.exec(`CREATE TABLE ${folderTable(physical)} (folder INTEGER PRIMARY KEY, path TEXT NOT NULL UNIQUE)`);
  db.exec(`CREATE TABLE ${quoted(physical)} (${columns.join(', ')})`);
  const bodies = layout.parts.flatMap((p) => p.bodies.map((b) => `${b.column} BLOB`));
  if (bodies.length > 0)
    db.exec(`CREATE TABLE ${quoted(bodyTable(physical))} (body INTEGER PRIMARY KEY, ${bodies.join(', ')})`);
  for (const index of layout.projection.indexes) {
    if (index.shared) {
      createSharedTables(db, physical, index);
      continue;
    }
    if (index.array) {
      const key = arrayKey(index);
      db.exec(`CREATE TABLE ${quoted(arrayTable(physical, index))} (${key}, PRIMARY KEY (${key})) WITHOUT ROWID`);
      continue;
    }
    db.exec(createIndex(layout, physical, index));
  }
  for (const sql of changesOfOthers(db, layout, build)) db.exec(sql);
  const gone = layout.parts.map((p) => `d${p.n} IS NULL`).join(' AND ');
  db.exec(`CREATE INDEX ${quoted(`${physical}__removed`)} ON ${quoted(physical)} (${ids.columns[0]}) WHERE ${gone}`);
}

function createIndex(layout: Layout, physical: string, index: IndexDefinition): string {
  const { columns, hasFolders } = layout;
  const fields = index.fields.map((f) => columns.get(f)!);
  const present = fields.map((f) => `${f} IS NOT NULL`).join(' AND ');
  const name = quoted(`${physical}__${index.name}`);
  // The number of a folder is no part of the order of ids.
  const key = (hasFolders ? fields : [...fields, '_id']).join(', ');
  return `CREATE INDEX IF NOT EXISTS ${name} ON ${quoted(physical)} (${key}) WHERE ${present}`;
}
/** The statements that give a build of an earlier release the indexes that came later. */
export const addedIndexes = (layout: Layout, build: number): readonly string[] =>
  layout.projection.indexes
    .filter(({ added }) => added === true)
    .map((index) => createIndex(layout, physicalName(layout.collection, build), index));

/** SQL: where the text of plain documents is in a row. */
function placeOfText({ projection, partByName }: Layout, table: string): string {
  const { part, text } = projection.plain!;
  return `instr(${table}d${partByName.get(part)!.n}, '${text.replaceAll("'", "''")}')`;
}
/** SQL: whether a row `t` is a plain document. */
export const isPlain = (layout: Layout): string => `${placeOfText(layout, 't.')} > 0`;

export interface OthersIndex {
  readonly name: string;
  /** SQL, with the name of the table in front of its columns. A query with it may use the index. */
  condition(table: string): string;
}
/**
 * The index of the documents that are not plain, and so are few. It is made of the rows alone, so a build of an earlier
 * release gets it in place, and an earlier release keeps it up. Its name has a hash of the text, which may change.
 */
export function othersIndex(layout: Layout, physical: string): OthersIndex | undefined {
  const { plain } = layout.projection;
  return (
    plain && {
      name: `${othersPrefix(physical)}${hash('sha256', JSON.stringify(plain)).slice(0, 8)}`,
      condition: (table) => `${placeOfText(layout, table)} = 0`,
    }
  );
}
const othersPrefix = (physical: string): string => `${physical}__others_`;

/** The statements that give a build the index of the documents that are not plain, and drop those for former texts. */
export function changesOfOthers(db: DatabaseSync, layout: Layout, build: number): readonly string[] {
  const physical = physicalName(layout.collection, build);
  const wanted = othersIndex(layout, physical);
  const rows = db.prepare(`SELECT name FROM sqlite_master WHERE type = 'index' AND tbl_name = ${VALUE}`).all(physical);
  const stored = rows.map(({ name }) => name as string).filter((name) => name.startsWith(othersPrefix(physical)));
  const drops = stored.filter((name) => name !== wanted?.name).map((name) => `DROP INDEX ${quoted(name)}`);
  if (wanted === undefined || stored.includes(wanted.name)) return drops;
  const where = wanted.condition('');
  const columns = rowIdsOf(layout, physical).columns.join(', ');
  return [...drops, `CREATE INDEX ${quoted(wanted.name)} ON ${quoted(physical)} (${columns}) WHERE ${where}`];
}

/** The tables of a build, each with the columns of its key. */
export const tablesOf = (
  layout: Layout,
  build: number,
): readonly { readonly table: string; readonly key: string }[] => {
  const physical = physicalName(layout.collection, build);
  const bodies = layout.parts.some((p) => p.bodies.length > 0) ? [{ table: bodyTable(physical), key: 'body' }] : [];
  return [
    // Builds of 0.2.0 have no key `body`.
    { table: physical, key: layout.hasFolders ? 'body' : '_id' },
    ...(layout.hasFolders ? [{ table: folderTableName(physical), key: 'folder' }] : []),
    ...bodies,
    ...layout.projection.indexes
      .filter((i) => i.array)
      .flatMap((i) =>
        i.shared ? sharedTableKeys(physical, i) : [{ table: arrayTable(physical, i), key: arrayKey(i) }],
      ),
  ];
};
