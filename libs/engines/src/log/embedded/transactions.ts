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
/** After a transaction with so many rows, more are to be expected. */
const MANY_ROWS = 50;

/**
 * Runs the writes of one turn of the event loop in one transaction, because a commit costs as much as many rows. A
 * write may also wait for those of later turns. A commit writes each changed page whole, so a page that ten commits
 * change is written ten times.
 */
export class WritesOfTurn {
  readonly #transaction: <T>(work: () => T) => T;
  #waiting: Waiting[] = [];
  #next: NodeJS.Immediate | undefined;
  #later: NodeJS.Timeout | undefined;
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
   * @param waitMs how long the write may wait for others, ms. It waits a tenth of it after a commit with few rows,
   *   because then no others are to be expected. The first write that waits no longer takes all with it.
   * @returns the result of `work`, once it is committed. It rejects with the error of `work` or of the file.
   */
  add<T>(rows: number, work: () => T, waitMs = 0): Promise<T> {
    if (waitMs === 0) this.#soon();
    else if (this.#next === undefined)
      this.#later ??= setTimeout(() => this.#write(), this.#isBusy ? waitMs : waitMs / 10);
    return new Promise((resolve, reject) => {
      this.#waiting.push({
        work: () => {
          const result = work();
          return () => resolve(result);
        },
        rows,
        reject,
      });
    });
  }

  #soon(): void {
    this.#next ??= setImmediate(() => this.#write());
  }

  /** Writes everything that waits. */
  flush(): void {
    while (this.#waiting.length > 0) this.#write();
  }

  #write(): void {
    let rows = 0;
    let count = 0;
    while (count < this.#waiting.length && (count === 0 || rows + this.#waiting[count]!.rows <= ROWS_TOGETHER))
      rows += this.#waiting[count++]!.rows;
    const group = this.#waiting.splice(0, count);
    this.#isBusy = rows >= MANY_ROWS;
    clearImmediate(this.#next);
    clearTimeout(this.#later);
    this.#next = this.#later = undefined;
    if (this.#waiting.length > 0) this.#soon();
    try {
      for (const done of this.#transaction(() => group.map(({ work }) => work()))) done();
    } catch (error) {
      if (group.length === 1 || error instanceof EngineUnavailable) {
        for (const { reject } of group) reject(error);
        return;
      }
      for (const { work, reject } of group) {
        try {
          this.#transaction(work)();
        } catch (own) {
          reject(own);
        }
      }
    }
  }
}
