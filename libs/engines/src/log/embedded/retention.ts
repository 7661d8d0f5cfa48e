import type { DatabaseSync } from 'node:sqlite';
import type { TopicPartition } from '../port.ts';

/** Most rows that a step reads and its transaction removes. Appends wait for one transaction, not for a whole run. */
const STEP_ROWS = 500;
/** Most keys that a run of compaction remembers. The next run continues with further keys. */
const MAX_KEYS = 100_000;

export interface RetainedPlace extends TopicPartition {
  readonly table: string;
}
/** Lets appends and requests run between two steps. */
const turn = (): Promise<void> => new Promise((resolve) => setImmediate(resolve));

/**
 * Removes old records of a topic in steps of `STEP_ROWS` rows. Each step is one transaction that also stores the start
 * of the partition or the compacted offset. So after a kill between two steps the next run continues. Offsets do not
 * change. SQLite reuses free pages for the next appends, so the file stops growing but does not shrink.
 */
export class Retention {
  readonly #db: DatabaseSync;
  readonly #transaction: <T>(work: () => T) => T;
  /** Cached starts by table, because each batch of each group reads them. */
  readonly #starts = new Map<string, number>();

  /** `transaction` is atomic, and durable when it returns. */
  constructor(db: DatabaseSync, transaction: <T>(work: () => T) => T) {
    this.#db = db;
    this.#transaction = transaction;
    db.exec(`
      CREATE TABLE IF NOT EXISTS retained (topic TEXT NOT NULL, partition INTEGER NOT NULL, start INTEGER NOT NULL,
        compacted INTEGER NOT NULL, PRIMARY KEY (topic, partition)) WITHOUT ROWID`);
  }

  /** Offset before which retention has removed everything; 0 where it has removed nothing. */
  start({ topic, partition, table }: RetainedPlace): number {
    let start = this.#starts.get(table);
    if (start === undefined) {
      start = Number(
        this.#db.prepare('SELECT start FROM retained WHERE topic = ? AND partition = ?').get(topic, partition)?.[
          'start'
        ] ?? 0,
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
    const oldest = this.#db.prepare(`SELECT o, t FROM ${place.table} WHERE o < ? ORDER BY o LIMIT ${STEP_ROWS}`);
    const remove = this.#db.prepare(`DELETE FROM ${place.table} WHERE o <= ?`);
    for (let removed = 0; ; await turn()) {
      if (!this.#db.isOpen) return removed;
      const rows = oldest.all(upTo) as { o: number; t: number }[];
      const fresh = rows.findIndex(({ t }) => t >= before);
      const old = fresh < 0 ? rows : rows.slice(0, fresh);
      const last = old.at(-1);
      if (last === undefined) return removed;
      this.#transaction(() => {
        remove.run(last.o);
        this.#note(place, 'start', last.o + 1);
      });
      removed += old.length;
    }
  }

  /**
   * Removes records whose key has a later record below `upTo`. Collects the keys of the records since the last run,
   * then searches all earlier records for these keys.
   * @returns how many records it removed
   */
  async compact(place: RetainedPlace, upTo: number): Promise<number> {
    const page = this.#db.prepare(
      `SELECT o, k FROM ${place.table} WHERE o >= ? AND o < ? ORDER BY o LIMIT ${STEP_ROWS}`,
    );
    const remove = this.#db.prepare(`DELETE FROM ${place.table} WHERE o = ?`);
    const newest = new Map<string, number>();
    const from = Number(
      this.#db
        .prepare('SELECT compacted FROM retained WHERE topic = ? AND partition = ?')
        .get(place.topic, place.partition)?.['compacted'] ?? 0,
    );
    let next = from;
    for (; newest.size < MAX_KEYS; await turn()) {
      if (!this.#db.isOpen) return 0;
      const rows = page.all(next, upTo) as { o: number; k: string }[];
      for (const { o, k } of rows) newest.set(k, o);
      next = rows.length < STEP_ROWS ? upTo : rows.at(-1)!.o + 1;
      if (next >= upTo) break;
    }
    if (next <= from) return 0;
    let removed = 0;
    for (let at = 0; at < next; await turn()) {
      if (!this.#db.isOpen) return removed;
      const rows = page.all(at, next) as { o: number; k: string }[];
      const stale = rows.filter(({ o, k }) => (newest.get(k) ?? o) > o);
      at = rows.length < STEP_ROWS ? next : rows.at(-1)!.o + 1;
      if (stale.length === 0 && at < next) continue;
      this.#transaction(() => {
        for (const { o } of stale) remove.run(o);
        if (at >= next) this.#note(place, 'compacted', next);
      });
      removed += stale.length;
    }
    return removed;
  }

  #note({ topic, partition, table }: RetainedPlace, column: 'start' | 'compacted', next: number): void {
    this.#starts.delete(table);
    this.#db.prepare('INSERT OR IGNORE INTO retained VALUES (?, ?, 0, 0)').run(topic, partition);
    this.#db
      .prepare(`UPDATE retained SET ${column} = max(${column}, ?) WHERE topic = ? AND partition = ?`)
      .run(next, topic, partition);
  }
}
