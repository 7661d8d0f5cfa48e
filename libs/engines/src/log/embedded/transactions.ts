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

/** Runs the writes of one turn of the event loop in one transaction, because a commit costs as much as many rows. */
export class WritesOfTurn {
  readonly #transaction: <T>(work: () => T) => T;
  #waiting: Waiting[] = [];
  #next: NodeJS.Immediate | undefined;

  /** `transaction` runs its argument in a transaction and throws errors of the port. */
  constructor(transaction: <T>(work: () => T) => T) {
    this.#transaction = transaction;
  }

  /**
   * If a write throws, each of the group gets a transaction of its own. So a write that throws changes nothing and
   * hinders no other, and the synchronous `work` may run twice. If the file is away, the whole group is rejected: each
   * further try could wait for a lock of another program, and nothing else would run meanwhile.
   * @param rows how many rows `work` writes, about
   * @returns the result of `work`, once it is committed. It rejects with the error of `work` or of the file.
   */
  add<T>(rows: number, work: () => T): Promise<T> {
    this.#next ??= setImmediate(() => this.#write());
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
    clearImmediate(this.#next);
    this.#next = this.#waiting.length === 0 ? undefined : setImmediate(() => this.#write());
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
