import { setImmediate as nextTurn } from 'node:timers/promises';
import type { DatabaseSync } from 'node:sqlite';
import type { LogRecord, TopicPartition } from '../port.ts';
import { EXTENT, type ExtentRow, extentOf, keysOf, recordsOf, type Row } from './blocks.ts';
import { VALUE } from './limit.ts';

/** About how many records a step reads and removes. Appends wait for one transaction, not for a whole run. */
const STEP_ROWS = 500;
/** Most keys that a run of compaction remembers. The next run continues with further keys. */
const MAX_KEYS = 100_000;

export interface RetainedPlace extends TopicPartition {
  readonly table: string;
}
/** A record, and the offset of the row that has it. */
interface Key {
  readonly o: number;
  readonly k: string;
  readonly row: number;
}

/**
 * Removes old records of a topic in steps of about `STEP_ROWS` records. Each step is one transaction that also stores
 * the start of the partition or the compacted offset. So after a kill between two steps the next run continues. Offsets
 * do not change. SQLite reuses free pages for the next appends, so the file stops growing but does not shrink.
 */
export class Retention {
  readonly #db: DatabaseSync;
  readonly #transaction: <T>(work: () => T) => T;
  readonly #rowsOf: (records: readonly LogRecord[]) => Iterable<Row>;
  /** Cached starts by table, because each batch of each group reads them. */
  readonly #starts = new Map<string, number>();

  /** `transaction` is atomic, and not durable later than the next one. `rowsOf` makes the rows of what stays. */
  constructor(
    db: DatabaseSync,
    transaction: <T>(work: () => T) => T,
    rowsOf: (records: readonly LogRecord[]) => Iterable<Row>,
  ) {
    this.#db = db;
    this.#transaction = transaction;
    this.#rowsOf = rowsOf;
    db.exec(`
      CREATE TABLE IF NOT EXISTS retained (topic TEXT NOT NULL, partition INTEGER NOT NULL, start INTEGER NOT NULL,
        compacted INTEGER NOT NULL, PRIMARY KEY (topic, partition)) WITHOUT ROWID`);
  }

  /** Offset before which retention has removed everything; 0 where it has removed nothing. */
  start({ topic, partition, table }: RetainedPlace): number {
    let start = this.#starts.get(table);
    if (start === undefined) {
      start = Number(
        this.#db
          .prepare(`SELECT start FROM retained WHERE topic = ${VALUE} AND partition = ${VALUE}`)
          .get(topic, partition)?.['start'] ?? 0,
      );
      this.#starts.set(table, start);
    }
    return start;
  }

  /**
   * Removes the oldest records, as far as they were appended before `before` (ms since the epoch) and are below `upTo`.
   * @returns how many records it removed
   */
  async trim(place: RetainedPlace, before: number, upTo: number): Promise<number> {
    const oldest = this.#db.prepare(`SELECT ${EXTENT} FROM ${place.table} ORDER BY o LIMIT ${STEP_ROWS}`);
    const remove = this.#db.prepare(`DELETE FROM ${place.table} WHERE o < ?`);
    // Between two steps, here and below, appends and requests run.
    for (let removed = 0; ; await nextTurn()) {
      if (!this.#db.isOpen) return removed;
      let [count, end] = [0, 0];
      for (const row of oldest.iterate() as unknown as Iterable<ExtentRow>) {
        const extent = extentOf(row);
        if (row.t >= before || extent.first >= upTo || count >= STEP_ROWS) break;
        end = Math.min(row.o + 1, upTo);
        count += extent.count;
        if (end === upTo) break;
      }
      if (count === 0) return removed;
      this.#transaction(() => {
        remove.run(end);
        removed += count - this.#shorten(place, end);
        this.#note(place, 'start', end);
      });
    }
  }

  /** Removes the records below `end` from the block that has both. @returns how many records the block had before */
  #shorten({ table, ...place }: RetainedPlace, end: number): number {
    const row = this.#db.prepare(`SELECT o, k, h, v, t FROM ${table} ORDER BY o LIMIT 1`).get() as Row | undefined;
    if (row === undefined || typeof row.h === 'string' || !(Number.parseInt(row.k, 10) < end)) return 0;
    const left = recordsOf(row, place.topic, place.partition).filter(({ offset }) => offset >= end);
    this.#replace(table, row.o, left);
    return left.length;
  }

  #replace(table: string, o: number, records: readonly LogRecord[]): void {
    this.#db.prepare(`DELETE FROM ${table} WHERE o = ?`).run(o);
    const insert = this.#db.prepare(`INSERT INTO ${table} (o, k, h, v, t) VALUES (?, ?, ?, ?, ?)`);
    for (const { o: at, k, h, v, t } of this.#rowsOf(records)) insert.run(at, k, h, v, t);
  }

  /**
   * Removes records whose key has a later record below `upTo`. Collects the keys of the records since the last run,
   * then searches all earlier records for these keys. A block is written again without the removed records.
   * @returns how many records it removed
   */
  async compact(place: RetainedPlace, upTo: number): Promise<number> {
    const newest = new Map<string, number>();
    const from = Number(
      this.#db
        .prepare(`SELECT compacted FROM retained WHERE topic = ${VALUE} AND partition = ${VALUE}`)
        .get(place.topic, place.partition)?.['compacted'] ?? 0,
    );
    let next = from;
    for (; newest.size < MAX_KEYS; await nextTurn()) {
      if (!this.#db.isOpen) return 0;
      const step = this.#step(place, next, upTo);
      for (const { o, k } of step.keys) newest.set(k, o);
      next = step.next;
      if (next >= upTo) break;
    }
    if (next <= from) return 0;
    let removed = 0;
    for (let at = 0; at < next; await nextTurn()) {
      if (!this.#db.isOpen) return removed;
      const step = this.#step(place, at, next);
      const stale = step.keys.filter(({ o, k }) => (newest.get(k) ?? o) > o);
      at = step.next;
      if (stale.length === 0 && at < next) continue;
      this.#transaction(() => {
        for (const [row, offsets] of Map.groupBy(stale, ({ row }) => row)) this.#without(place, row, offsets);
        if (at >= next) this.#note(place, 'compacted', next);
      });
      removed += stale.length;
    }
    return removed;
  }

  /** Offsets and keys of some records from `at` to before `upTo`, each with the offset of its row. */
  #step({ table }: RetainedPlace, at: number, upTo: number): { readonly keys: readonly Key[]; readonly next: number } {
    const rows = this.#db.prepare(`SELECT o, k, h FROM ${table} WHERE o >= ? ORDER BY o LIMIT ${STEP_ROWS}`);
    const keys: Key[] = [];
    for (const row of rows.iterate(at) as unknown as Iterable<Pick<Row, 'o' | 'k' | 'h'>>) {
      for (const key of keysOf(row)) if (key.o >= at && key.o < upTo) keys.push({ ...key, row: row.o });
      if (row.o + 1 >= upTo) break;
      if (keys.length >= STEP_ROWS) return { keys, next: row.o + 1 };
    }
    return { keys, next: upTo };
  }

  #without({ table, topic, partition }: RetainedPlace, row: number, stale: readonly Key[]): void {
    const stored = this.#db.prepare(`SELECT o, k, h, v, t FROM ${table} WHERE o = ${VALUE}`).get(row) as unknown as Row;
    const offsets = new Set(stale.map(({ o }) => o));
    const left = recordsOf(stored, topic, partition).filter(({ offset }) => !offsets.has(offset));
    this.#replace(table, row, left);
  }

  #note({ topic, partition, table }: RetainedPlace, column: 'start' | 'compacted', next: number): void {
    this.#starts.delete(table);
    this.#db.prepare('INSERT OR IGNORE INTO retained VALUES (?, ?, 0, 0)').run(topic, partition);
    this.#db
      .prepare(`UPDATE retained SET ${column} = max(${column}, ?) WHERE topic = ? AND partition = ?`)
      .run(next, topic, partition);
  }
}
