import type { StatementSync } from 'node:sqlite';
import { BoundedMap } from '@provider-access/kernel';
import { placesOf, VALUE } from '../../log/embedded/index.ts';
import type { SharedArray, Values } from './shared-arrays.ts';
import { prefixColumns, type SharedTables, sharedTables } from './shared-tables.ts';
import { type Element, SharedTexts } from './shared-texts.ts';
import { folderTable, splitId } from './row-ids.ts';
import { type ArrayPaths, INSERT_MANY, quoted } from './tables.ts';

/** Each number of rows up to this is a statement that stays prepared. */
const MOST_ELEMENTS = 32;
/** The values of a row: scope, element, document. */
const COLUMNS = 3;
/** The writer knows the numbers of so many scopes, and of so many folders. */
const MOST_SCOPES = 10_000;

/** The array of a document as the tables have it. */
export interface StoredArray {
  readonly scope: number;
  readonly elements: readonly Element[];
}
/** An id as a row has it. */
type StoredId = readonly [folder: number, name: string];
/** A folder, and the scope of its last document. Nearly always it is the one of its next, too. */
interface Folder {
  readonly number: number;
  last: Scope | undefined;
}
interface Scope {
  readonly number: number;
  readonly prefix: Values;
}
/** Writes the tables of an array index that shares texts, and its columns of known documents. */
export class SharedWrites {
  readonly #index: ArrayPaths;
  readonly #documents: string;
  readonly #folders: string;
  readonly tables: SharedTables;
  readonly #prepare: (key: string, sql: () => string) => StatementSync;
  readonly #texts: SharedTexts;
  readonly #scopes = new BoundedMap<string, Scope>(MOST_SCOPES);
  readonly #known = new BoundedMap<string, Folder>(MOST_SCOPES);

  constructor(prepare: (key: string, sql: () => string) => StatementSync, physical: string, array: ArrayPaths) {
    this.#index = array;
    this.#documents = quoted(physical);
    this.#folders = folderTable(physical);
    this.tables = sharedTables(physical, array.index);
    this.#prepare = prepare;
    this.#texts = new SharedTexts(prepare, this.tables);
  }

  /** The number of the folder of an id, which is made if it is not there, and the name in it. */
  storedId(id: string): StoredId {
    const [path, name] = splitId(id);
    return [this.#folderOf(path).number, name];
  }
  #folderOf(path: string): Folder {
    const known = this.#known.get(path);
    if (known !== undefined) return known;
    const sql = (): string => `SELECT folder FROM ${this.#folders} WHERE path = ${VALUE}`;
    const found = this.#prepare('shared/folder', sql).get(path) as unknown as readonly [number] | undefined;
    return this.#setFolder(path, found?.[0]);
  }
  #setFolder(path: string, found: number | null | undefined): Folder {
    const folder: Folder = { number: found ?? this.#addFolder(path), last: undefined };
    this.#known.set(path, folder);
    return folder;
  }
  /** Call it when a document was removed. Its folder goes with its last document, because it may be protected data. */
  dropFolder(id: string): void {
    const [path] = splitId(id);
    this.#prepare(
      'shared/drop-folder',
      () =>
        `DELETE FROM ${this.#folders} AS f WHERE path = ? ` +
        `AND NOT EXISTS (SELECT 1 FROM ${this.#documents} t WHERE t.folder = f.folder)`,
    ).run(path);
    this.#known.delete(path);
  }

  /**
   * The scope and the elements of a new document, as its row has them. Then call `add`, or `drop` if it is not new.
   * @param row gets the columns of the id
   */
  take(id: string, array: SharedArray | undefined, row: (string | number | null)[]): StoredArray | undefined {
    const [path, name] = splitId(id);
    if (array === undefined) {
      row.push(this.#folderOf(path).number, name);
      return undefined;
    }
    const { prefix, texts } = array;
    const folder = this.#known.get(path) ?? this.#lookUp(path, prefix);
    row.push(folder.number, name);
    const elements: Element[] = [];
    for (const text of texts) elements.push(this.#texts.use(text));
    if (folder.last === undefined || !isEqual(folder.last.prefix, prefix)) folder.last = this.#scopeOf(prefix);
    return { scope: folder.last.number, elements };
  }
  /**
   * The elements of new documents, which their rows have. SQLite takes less time to read these lists than to be given
   * each element. @param first number of a document, and all up to `last` are new or of no document
   */
  add(first: number, last: number): void {
    this.#prepare(
      'shared/add',
      () =>
        `${INSERT_MANY} ${this.tables.elements} SELECT t.scope, j.value, t.body ` +
        `FROM ${this.#documents} t CROSS JOIN json_each(t.elements) j WHERE t.body BETWEEN ? AND ?`,
    ).run(first, last);
  }
  drop(stored: StoredArray | undefined): void {
    if (stored === undefined) return;
    for (const element of stored.elements) this.#texts.release(element);
    this.#dropEmpty(stored.scope);
  }

  /** Replaces the array of a document. */
  replace(number: number, array: SharedArray | undefined): void {
    const before = this.#before(number);
    if (array === undefined && before === undefined) return;
    const scope = array && this.#scopeOf(array.prefix).number;
    const old = new Set(scope === before?.scope ? before?.elements : []);
    const elements = (array?.texts ?? []).map((text) => {
      const place = this.#texts.placeOf(text);
      return old.has(text) ? text : place !== undefined && old.has(place) ? place : this.#texts.use(text);
    });
    const kept = new Set(elements.filter((element) => old.has(element)));
    if (before !== undefined)
      this.#removeElements(
        number,
        before.scope,
        before.elements.filter((element) => !kept.has(element)),
      );
    const now = scope === undefined ? undefined : { scope, elements };
    const columns: (string | number | null)[] = [];
    pushColumns(columns, now);
    this.#prepare('shared/update', () => `UPDATE ${this.#documents} SET scope = ?, elements = ? WHERE body = ?`).run(
      ...columns,
      number,
    );
    if (now !== undefined) {
      const values: ElementValue[] = [];
      addValues(values, { ...now, elements: elements.filter((element) => !kept.has(element)) }, number);
      this.#addElements(values);
    }
    if (before !== undefined) this.#dropEmpty(before.scope);
  }

  /** Call it before the row of the document is deleted. */
  remove(number: number): void {
    const before = this.#before(number);
    if (before === undefined) return;
    this.#removeElements(number, before.scope, before.elements);
    this.#dropEmpty(before.scope);
  }

  /** Call it at the end of each write, within its transaction. */
  flush(): void {
    this.#texts.flush();
  }
  /** Call it when a transaction was rolled back. */
  forget(): void {
    this.#texts.forget();
    this.#clear();
  }
  #clear(): void {
    this.#scopes.clear();
    this.#known.clear();
  }

  #before(number: number): StoredArray | undefined {
    const row = this.#prepare(
      'shared/before',
      () => `SELECT scope, elements FROM ${this.#documents} WHERE body = ${VALUE}`,
    ).get(number) as unknown as readonly [number | null, string | null] | undefined;
    if (row === undefined || row[0] === null) return undefined;
    return { scope: row[0], elements: JSON.parse(row[1]!) as Element[] };
  }

  /** Asks once for the numbers of a folder and of a scope. Most documents that need the one need the other, too. */
  #lookUp(path: string, prefix: Values): Folder {
    const name = nameOf(prefix);
    if (this.#scopes.has(name)) return this.#folderOf(path);
    const [folder, scope] = this.#prepare(
      'shared/look-up',
      () => `SELECT (SELECT folder FROM ${this.#folders} WHERE path = ${VALUE}), (${this.#selectScope()})`,
    ).get(path, ...prefix) as unknown as readonly [number | null, number | null];
    const known = this.#setFolder(path, folder);
    this.#scopes.set(name, { prefix, number: scope ?? this.#addScope(prefix) });
    return known;
  }
  #scopeOf(prefix: Values): Scope {
    const name = nameOf(prefix);
    let scope = this.#scopes.get(name);
    if (scope === undefined) {
      const select = this.#prepare('shared/scope', () => this.#selectScope());
      const found = select.get(...prefix) as unknown as readonly [number] | undefined;
      this.#scopes.set(name, (scope = { prefix, number: found?.[0] ?? this.#addScope(prefix) }));
    }
    return scope;
  }
  #selectScope(): string {
    const where = prefixColumns(this.#index.index).map((column) => `${column} = ${VALUE}`);
    return `SELECT scope FROM ${this.tables.scopes} WHERE ${where.join(' AND ')}`;
  }
  #addScope(prefix: Values): number {
    const columns = prefixColumns(this.#index.index);
    const values = placesOf(columns.length, 1);
    const sql = (): string =>
      `INSERT INTO ${this.tables.scopes} (${columns.join(', ')}) VALUES ${values} RETURNING scope`;
    return (this.#prepare('shared/add-scope', sql).get(...prefix) as unknown as readonly [number])[0];
  }
  #addFolder(path: string): number {
    const sql = (): string => `INSERT INTO ${this.#folders} (path) VALUES (?) RETURNING folder`;
    return (this.#prepare('shared/add-folder', sql).get(path) as unknown as readonly [number])[0];
  }

  /** Removes a scope that no document has any more, because its values may be protected data. */
  #dropEmpty(scope: number): void {
    const { scopes, elements } = this.tables;
    const dropped = this.#prepare(
      'shared/drop-scope',
      () => `DELETE FROM ${scopes} WHERE scope = ?1 AND NOT EXISTS (SELECT 1 FROM ${elements} WHERE scope = ?1)`,
    ).run(scope).changes;
    if (dropped !== 0) this.#clear();
  }

  /** @param values of several rows */
  #addElements(values: readonly ElementValue[]): void {
    for (let at = 0; at < values.length;) {
      const count = Math.min((values.length - at) / COLUMNS, MOST_ELEMENTS);
      this.#prepare(
        `shared/elements/${count}`,
        () => `${INSERT_MANY} ${this.tables.elements} VALUES ${placesOf(COLUMNS, count)}`,
      ).run(...values.slice(at, at + COLUMNS * count));
      at += COLUMNS * count;
    }
  }

  #removeElements(number: number, scope: number, elements: readonly Element[]): void {
    for (const element of elements) {
      this.#texts.release(element);
      this.#prepare(
        'shared/remove-element',
        () => `DELETE FROM ${this.tables.elements} WHERE scope = ? AND element = ? AND document = ?`,
      ).run(scope, element, number);
    }
  }
}

/** Adds the values of `SHARED_COLUMNS` to those of a row. */
export function pushColumns(row: (string | number | null)[], stored: StoredArray | undefined): void {
  if (stored === undefined) row.push(null, null);
  else row.push(stored.scope, listOf(stored.elements));
}
/** SQLite stores a number of JavaScript as a floating-point one where the column has no type, and a bigint never. */
type ElementValue = number | string | bigint;
function addValues(values: ElementValue[], { scope, elements }: StoredArray, number: number): void {
  for (const element of elements) values.push(scope, typeof element === 'number' ? BigInt(element) : element, number);
}

function isEqual(a: Values, b: Values): boolean {
  for (let i = 0; i < b.length; i++) if (a[i] !== b[i]) return false;
  return true;
}
/** Different for different values. */
function nameOf(prefix: Values): string {
  let name = '';
  for (const value of prefix) name += typeof value === 'number' ? `${value},` : `'${value.length}:${value},`;
  return name;
}

/** What JSON has to escape, which the texts are searched for because `JSON.stringify` costs more. */
// eslint-disable-next-line no-control-regex -- JSON escapes control characters
const ESCAPED = /["\\\u0000-\u001f]/;
/** JSON. The texts are well-formed. */
const listOf = (elements: readonly Element[]): string => `[${elements.map(jsonOf).join()}]`;
const jsonOf = (element: Element): Element =>
  typeof element === 'number' ? element : ESCAPED.test(element) ? JSON.stringify(element) : `"${element}"`;
