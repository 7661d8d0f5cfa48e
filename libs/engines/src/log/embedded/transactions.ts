import type { DatabaseSync } from 'node:sqlite';
import { EngineUnavailable } from '../port.ts';

/** Runs `work` in a transaction. If it throws, nothing of it is stored. */
export function transaction<T>(db: DatabaseSync, work: () => T): T {
  db.exec('BEGIN IMMEDIATE');
  try {
    const result = work();
    db.exec('COMMIT');
    return result;
  } catch (error) {
    // On a full disk SQLite may already have rolled back.
    if (db.isTransaction) db.exec('ROLLBACK');
    throw error;
  }
}

/** A write that waits for the transaction of its turn. */
interface Waiting {
  /** Writes. Call what it returns once the write is committed. */
  readonly work: () => () => void;
  readonly rows: number;
  readonly reject: (error: unknown) => void;
}
/** A transaction with more rows would hold up the event loop. */
const ROWS_TOGETHER = 1000;
/** After a transaction with so many rows, more are to be expected. Otherwise a write waits this part of its time. */
const MANY_ROWS = 50;
const ALONE = 1 / 40;
/**
 * With so many rows a commit is worth its pages, and nothing waits any more. Each writer waits for its commit before it
 * reads on, so a wait after each full batch would bound its rate, and it would fall behind a fast log.
 */
const ENOUGH_ROWS = 400;
/** So long after the last one, as a part of its time, no others are to be expected either. */
const QUIET = 1 / 4;

/**
 * Runs the writes of one turn of the event loop in one transaction, because a commit costs as much as many rows. Some
 * writes may wait for those of later turns. A commit writes each changed page whole, so a page that ten commits change
 * is written ten times. Those that wait have a transaction of their own. Otherwise each other write would end their
 * wait, and most of the other writes are the small ones of many views.
 */
export class WritesOfTurn {
  readonly #transaction: <T>(work: () => T) => T;
  readonly #urgent: Waiting[] = [];
  readonly #patient: Waiting[] = [];
  #next: NodeJS.Immediate | undefined;
  #later: NodeJS.Timeout | undefined;
  /** Rows of the writes that may wait. */
  #patientRows = 0;
  /** When the last write that may wait came, ms. */
  #lastAt = 0;
  #isBusy = false;

  /** `transaction` runs its argument in a transaction and throws errors of the port. */
  constructor(transaction: <T>(work: () => T) => T) {
    this.#transaction = transaction;
  }

  /**
   * If a write throws, each of the group gets a transaction of its own. So a write that throws changes nothing and
   * hinders no other, and the synchronous `work` may run twice. If the file is away, the whole group is rejected: each
   * further try could wait for a lock of another program, and nothing else would run meanwhile.
   * @param rows how many rows `work` writes, about
   * @param waitMs how long the write may wait for others that may wait, ms. It waits less if no others are to be
   *   expected: a fortieth of it after such a commit with few rows, and a quarter of it after the last of them. Once
   *   `ENOUGH_ROWS` wait, all are written in the next turn.
   * @returns the result of `work`, once it is committed. It rejects with the error of `work` or of the file.
   */
  add<T>(rows: number, work: () => T, waitMs = 0): Promise<T> {
    const queue = waitMs === 0 ? this.#urgent : this.#patient;
    if (waitMs === 0) this.#next ??= setImmediate(() => this.#writeUrgent());
    else this.#wait(rows, waitMs);
    return new Promise((resolve, reject) => {
      queue.push({
        work: () => {
          const result = work();
          return () => resolve(result);
        },
        rows,
        reject,
      });
    });
  }

  /** Writes everything that waits. */
  flush(): void {
    while (this.#urgent.length > 0) this.#writeUrgent();
    while (this.#patient.length > 0) this.#writePatient();
  }

  #wait(rows: number, waitMs: number): void {
    this.#lastAt = performance.now();
    const before = this.#patientRows;
    this.#patientRows += rows;
    if (before < ENOUGH_ROWS && this.#patientRows >= ENOUGH_ROWS) {
      clearTimeout(this.#later);
      this.#later = setTimeout(() => this.#writePatient(), 0);
    }
    if (this.#later !== undefined) return;
    if (!this.#isBusy) {
      this.#later = setTimeout(() => this.#writePatient(), waitMs * ALONE);
      return;
    }
    const due = this.#lastAt + waitMs;
    const look = (): void => {
      const left = Math.min(this.#lastAt + waitMs * QUIET, due) - performance.now();
      if (left > 0) this.#later = setTimeout(look, left);
      else this.#writePatient();
    };
    this.#later = setTimeout(look, waitMs * QUIET);
  }

  #writeUrgent(): void {
    clearImmediate(this.#next);
    this.#next = undefined;
    this.#write(this.#urgent);
    if (this.#urgent.length > 0) this.#next = setImmediate(() => this.#writeUrgent());
  }
  #writePatient(): void {
    clearTimeout(this.#later);
    this.#later = undefined;
    const rows = this.#write(this.#patient);
    this.#patientRows -= rows;
    this.#isBusy = rows >= MANY_ROWS;
    if (this.#patient.length > 0) this.#later = setTimeout(() => this.#writePatient(), 0);
  }

  /** Writes as many as one transaction takes. @returns their rows */
  #write(queue: Waiting[]): number {
    let rows = 0;
    let count = 0;
    while (count < queue.length && (count === 0 || rows + queue[count]!.rows <= ROWS_TOGETHER))
      rows += queue[count++]!.rows;
    const group = queue.splice(0, count);
    try {
      for (const done of this.#transaction(() => group.map(({ work }) => work()))) done();
    } catch (error) {
      if (group.length === 1 || error instanceof EngineUnavailable) {
        for (const { reject } of group) reject(error);
        return rows;
      }
      for (const { work, reject } of group) {
        try {
          this.#transaction(work)();
        } catch (own) {
          reject(own);
        }
      }
    }
    return rows;
  }
}
