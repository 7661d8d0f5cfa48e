import { closeSync, constants, fdatasync, fsyncSync, openSync } from 'node:fs';
import { dirname } from 'node:path';
import type { DatabaseSync } from 'node:sqlite';
import { EngineUnavailable } from '../port.ts';

/**
 * Makes the commits of a SQLite file durable without a wait of the event loop. The connection commits with
 * `synchronous=NORMAL`, which writes the write-ahead log and calls no fsync, and then `sync` calls it in a thread of
 * libuv. SQLite itself does the same at a checkpoint.
 */
export class WriteAheadLog {
  readonly #db: DatabaseSync;
  readonly #file: string;
  #descriptor: number | undefined;
  #isUncertain = false;
  /** Whether commits wait for the next `sync`. */
  hasWritten = false;

  /** The file is in WAL mode, and `db` is open longer than this object. */
  constructor(db: DatabaseSync, file: string) {
    this.#db = db;
    this.#file = file;
  }

  /** After a failed `sync`, until `settle`: it is unknown which commits would survive a power failure. */
  get isUncertain(): boolean {
    return this.#isUncertain;
  }

  /**
   * Resolves when all commits before the call are durable. One call may run at a time, because the kernel reports a
   * fault of the disk to one of them only. @throws EngineUnavailable. Then `isUncertain` is true.
   */
  async sync(): Promise<void> {
    this.hasWritten = false;
    try {
      const descriptor = (this.#descriptor ??= this.#open());
      await new Promise<void>((resolve, reject) =>
        fdatasync(descriptor, (error) => (error === null ? resolve() : reject(error))),
      );
    } catch (cause) {
      this.#isUncertain = true;
      throw new EngineUnavailable(`the log file: ${(cause as Error).message}`, { cause });
    }
  }

  /**
   * Ends the uncertainty: copies all commits into the database file, which SQLite makes durable. A second fsync of the
   * write-ahead log would not do, because the kernel takes the pages of a failed one for written.
   * @throws EngineUnavailable or an error of SQLite, if it has to be tried again
   */
  settle(): void {
    const { log, checkpointed } = this.#db.prepare('PRAGMA wal_checkpoint(PASSIVE)').get() as Record<string, number>;
    if (log !== checkpointed) throw new EngineUnavailable('the log file: a reader holds back its checkpoint');
    this.#isUncertain = false;
  }

  close(): void {
    if (this.#descriptor !== undefined) closeSync(this.#descriptor);
    this.#descriptor = undefined;
  }

  /** SQLite keeps the file as long as a connection is open. It holds no locks, so a close of it releases none. */
  #open(): number {
    const descriptor = openSync(`${this.#file}-wal`, constants.O_RDONLY);
    const folder = openSync(dirname(this.#file), constants.O_RDONLY);
    try {
      // The name of a new file has to be durable too.
      fsyncSync(folder);
    } catch (error) {
      closeSync(descriptor);
      throw error;
    } finally {
      closeSync(folder);
    }
    return descriptor;
  }
}
