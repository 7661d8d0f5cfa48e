import type { DatabaseSync, StatementSync } from 'node:sqlite';
import type { RowsOf, TableRecord } from './blocks.ts';
import { transaction } from './transactions.ts';

/** The next offset of a group. */
export type Commit = readonly [group: string, topic: string, partition: number, next: number];
/**
 * What one transaction writes: commits, and the new records of each table, whose offsets follow each other. They were
 * appended at one time.
 */
export interface WriteBatch {
  readonly tables: readonly { readonly table: string; readonly records: readonly TableRecord[] }[];
  readonly commits: readonly Commit[];
}

/** Writes batches into the file. The tables exist. */
export class RowWriter {
  readonly #db: DatabaseSync;
  readonly #rowsOf: RowsOf;
  readonly #inserts = new Map<string, StatementSync>();
  readonly #upsert: StatementSync;

  constructor(db: DatabaseSync, rowsOf: RowsOf) {
    this.#db = db;
    this.#rowsOf = rowsOf;
    this.#upsert = db.prepare('INSERT INTO commits VALUES (?,?,?,?) ON CONFLICT DO UPDATE SET next = excluded.next');
  }

  /** Commits the batch. If it throws, nothing of the batch is stored. @throws errors of SQLite */
  write({ tables, commits }: WriteBatch): void {
    if (tables.length === 0 && commits.length === 0) return;
    transaction(this.#db, () => {
      for (const { table, records } of tables) {
        const insert = this.#insert(table);
        for (const { o, k, h, v, t } of this.#rowsOf(records)) insert.run(o, k, h, v, t);
      }
      for (const commit of commits) this.#upsert.run(...commit);
    });
  }

  #insert(table: string): StatementSync {
    let insert = this.#inserts.get(table);
    if (insert === undefined) {
      insert = this.#db.prepare(`INSERT INTO ${table} (o, k, h, v, t) VALUES (?,?,?,?,?)`);
      this.#inserts.set(table, insert);
    }
    return insert;
  }
}
