import type { DatabaseSync, StatementSync } from 'node:sqlite';
import { placesOf, VALUE } from '../../log/embedded/index.ts';
import { Decoded } from '../decoded.ts';
import { physicalName } from '../encoding.ts';
import { decodePosition, isOlder } from './positions.ts';
import { type RowIds, rowIdsOf } from './row-ids.ts';
import { SHARED_COLUMNS } from './shared-tables.ts';
import { SharedWrites } from './shared-writes.ts';
import { arrayTable, bodyTable, INSERT_MANY, type Layout, type PartColumns, quoted } from './tables.ts';

/** What a write does if there is such a document. `replace older` compares the positions of the part. */
export type OnConflict = 'replace older' | 'replace';

/** The prepared statements of one build that write, made at their first use. Rows are arrays. */
export abstract class WriteStatements {
  readonly layout: Layout;
  readonly decoded: Decoded;
  /** For the array index that shares texts, if there is one. */
  readonly shared: SharedWrites | undefined;
  protected readonly db: DatabaseSync;
  protected readonly physical: string;
  readonly rowIds: RowIds;
  readonly #cache = new Map<string, StatementSync>();
  #body: number | null | undefined;

  constructor(db: DatabaseSync, layout: Layout, build: number) {
    this.db = db;
    this.layout = layout;
    this.decoded = new Decoded(layout.projection, (positions) =>
      Object.fromEntries(layout.parts.map(({ name }, n) => [name, decodePosition(positions[n])])),
    );
    this.physical = physicalName(layout.collection, build);
    this.rowIds = rowIdsOf(layout, this.physical);
    const shared = layout.parts.find((p) => p.shared !== undefined)?.shared;
    this.shared = shared && new SharedWrites((key, sql) => this.prepare(key, sql), this.physical, shared);
  }

  protected prepare(key: string, sql: () => string): StatementSync {
    let statement = this.#cache.get(key);
    if (statement === undefined) {
      statement = this.db.prepare(sql());
      statement.setReturnArrays(true);
      this.#cache.set(key, statement);
    }
    return statement;
  }

  protected get table(): string {
    return quoted(this.physical);
  }

  /**
   * Values: number for a new document, its id (`storedId`), position, indexed columns, JSON. In a view whose documents
   * have numbers, it returns the number of the document.
   */
  write(part: PartColumns, onConflict: OnConflict): StatementSync {
    return this.prepare(`write/${part.n}/${onConflict}`, () => {
      const columns = [`p${part.n}`, ...part.indexed.map((i) => i.column), `d${part.n}`];
      const key = this.rowIds.columns;
      const set = `UPDATE SET ${columns.map((c) => `${c} = excluded.${c}`).join(', ')}`;
      const older = onConflict === 'replace' ? '' : ` WHERE ${isOlder(`p${part.n}`, `excluded.p${part.n}`)}`;
      const returning = this.isNumbered ? ' RETURNING body' : '';
      return (
        `INSERT INTO ${this.table} (body, ${[...key, ...columns].join(', ')}) VALUES (?` +
        `${', ?'.repeat(key.length + columns.length)}) ON CONFLICT (${key.join(', ')}) DO ${set}${older}${returning}`
      );
    });
  }

  /**
   * Values: those of `write` and `columnsOf` for each of `count` documents. In a view without numbers, it returns the
   * ids of the new ones: to return rows costs as much as an index.
   */
  insert(part: PartColumns, count: number): StatementSync {
    return this.prepare(`insert/${part.n}/${count}`, () => {
      const key = this.rowIds.columns;
      const columns = ['body', ...key, `p${part.n}`, ...part.indexed.map((i) => i.column), `d${part.n}`];
      if (part.shared !== undefined) columns.push(...SHARED_COLUMNS);
      return (
        `${INSERT_MANY} ${this.table} (${columns.join(', ')}) VALUES ${placesOf(columns.length, count)} ` +
        `ON CONFLICT (${key.join(', ')}) DO NOTHING${this.isNumbered ? '' : ' RETURNING _id'}`
      );
    });
  }

  /** Values: those of `upsertBodies` for each of `count` new documents. */
  insertBodies(part: PartColumns, count: number): StatementSync {
    return this.prepare(`insert-bodies/${part.n}/${count}`, () => {
      const columns = ['body', ...part.bodies.map((b) => b.column)];
      const table = quoted(bodyTable(this.physical));
      return `${INSERT_MANY} ${table} (${columns.join(', ')}) VALUES ${placesOf(columns.length, count)}`;
    });
  }

  /** Values: number, bodies of the part. */
  upsertBodies(part: PartColumns): StatementSync {
    return this.prepare(`bodies/${part.n}`, () => {
      const columns = part.bodies.map((b) => b.column);
      const set = columns.map((c) => `${c} = excluded.${c}`).join(', ');
      return (
        `INSERT INTO ${quoted(bodyTable(this.physical))} (body, ${columns.join(', ')}) VALUES ` +
        `(?${', ?'.repeat(columns.length)}) ON CONFLICT (body) DO UPDATE SET ${set}`
      );
    });
  }

  /** The values of the columns of an id. It may write, so call it in the transaction of a write. */
  storedId(id: string): readonly (string | number)[] {
    return this.shared?.storedId(id) ?? [id];
  }

  /** Whether each document has a number, under which other tables have its bodies or elements. */
  get isNumbered(): boolean {
    return this.shared !== undefined || this.layout.parts.some((p) => p.bodies.length > 0);
  }

  /** An unused number for a document; null for a view without numbers. Only for the writer. */
  nextBody(): number | null {
    if (this.#body === undefined) {
      // A build of 0.2.0 has no index of its numbers.
      const table = this.shared === undefined ? quoted(bodyTable(this.physical)) : this.table;
      const sql = `SELECT coalesce(max(body), 0) AS last FROM ${table}`;
      this.#body = this.isNumbered ? (this.db.prepare(sql).get() as { last: number }).last : null;
    }
    return this.#body === null ? null : ++this.#body;
  }

  /** The position of a part. If the part has an array index, its JSON too. Values: `rowIds.valuesOf`. */
  position(part: PartColumns): StatementSync {
    const json = part.arrays.length > 0 ? `, d${part.n}` : '';
    return this.prepare(
      `position/${part.n}`,
      () => `SELECT p${part.n}${json} FROM ${this.table} WHERE ${this.rowIds.is('')}`,
    );
  }

  /** Values: the fields in front of the array, an element, the id. */
  removeElement(part: PartColumns, n: number): StatementSync {
    const { index } = part.arrays[n]!;
    return this.prepare(`remove/${part.n}/${n}`, () => {
      const columns = [...index.fields.map((_, i) => `k${i}`), '_id'];
      const where = columns.map((column) => `${column} = ${VALUE}`).join(' AND ');
      return `DELETE FROM ${quoted(arrayTable(this.physical, index))} WHERE ${where}`;
    });
  }

  /** Values: those of `removeElement` for each of `count` elements. */
  addElements(part: PartColumns, n: number, count: number): StatementSync {
    return this.prepare(`add/${part.n}/${n}/${count}`, () => {
      const { index } = part.arrays[n]!;
      const table = quoted(arrayTable(this.physical, index));
      return `INSERT OR IGNORE INTO ${table} VALUES ${placesOf(index.fields.length + 1, count)}`;
    });
  }

  /** The number of a document. Values: `rowIds.valuesOf`. */
  number(): StatementSync {
    return this.prepare('number', () => `SELECT body FROM ${this.table} WHERE ${this.rowIds.is('')}`);
  }

  /** The statements that delete a document of a view with an index that shares texts. Value of each: its number. */
  removalsByNumber(): readonly StatementSync[] {
    const hasBodies = this.layout.parts.some((p) => p.bodies.length > 0);
    const tables = [...(hasBodies ? [bodyTable(this.physical)] : []), this.physical];
    return tables.map((table) => this.prepare(`remove/${table}`, () => `DELETE FROM ${quoted(table)} WHERE body = ?`));
  }
  /** The statements that delete a document of another view, in their order. Value of each: _id. */
  removals(): readonly StatementSync[] {
    const { parts, projection } = this.layout;
    const tables = projection.indexes.filter((i) => i.array).map((i) => arrayTable(this.physical, i));
    const bodies = parts.some((p) => p.bodies.length > 0)
      ? [
          this.prepare(
            'remove-bodies',
            () =>
              `DELETE FROM ${quoted(bodyTable(this.physical))} WHERE body = ` +
              `(SELECT body FROM ${this.table} WHERE _id = ${VALUE})`,
          ),
        ]
      : [];
    return [
      ...bodies,
      ...[...tables, this.physical].map((table) =>
        this.prepare(`remove/${table}`, () => `DELETE FROM ${quoted(table)} WHERE _id = ?`),
      ),
    ];
  }
}
