import { DatabaseSync } from 'node:sqlite';
import { transaction, WritesOfTurn, VALUE } from '../../log/embedded/index.ts';
import { EngineUnavailable } from '../../log/index.ts';
import { collectionName, type Projection } from '../projection.ts';
import type { Build, Checkpoint } from '../store.ts';
import type { Registered } from '../view-store.ts';
import { Checkpoints } from './checkpoints.ts';
import { EXTRACTS } from './extracts-table.ts';
import { asFault } from './faults.ts';
import { Statements } from './statements.ts';
import { layoutOf } from './tables.ts';

const REGISTRY = `
  CREATE TABLE IF NOT EXISTS collections (name TEXT PRIMARY KEY, definition TEXT NOT NULL, live INTEGER NOT NULL,
    building INTEGER, last INTEGER NOT NULL, previous INTEGER, keep_until INTEGER) WITHOUT ROWID;
  CREATE TABLE IF NOT EXISTS builds (collection TEXT NOT NULL, build INTEGER NOT NULL,
    PRIMARY KEY (collection, build)) WITHOUT ROWID;
  CREATE TABLE IF NOT EXISTS checkpoints (collection TEXT NOT NULL, build INTEGER NOT NULL, topic TEXT NOT NULL,
    part INTEGER NOT NULL, next INTEGER NOT NULL, progress TEXT NOT NULL,
    PRIMARY KEY (collection, build, topic, part)) WITHOUT ROWID;${EXTRACTS}`;

/** How long a checkpoint without documents waits for others, ms. After a kill its records are read again. */
const HOLD_MS = 1000;
/** A transaction of reads ends at the next write, and at the latest after this time, ms. */
const READING_MS = 20;

/**
 * One connection to the file with its transactions, cached entries of collections and their statements. A transaction
 * never spans an await.
 */
export class Connection {
  readonly db: DatabaseSync;
  readonly control;
  readonly #checkpoints: Checkpoints;
  #held: NodeJS.Timeout | undefined;
  readonly #readonly: boolean;
  /** By collection and build. Each read looks here, and a text of both would be made for each. */
  readonly #statements = new Map<string, Map<number, Statements>>();
  readonly #registered = new Map<string, Registered>();
  #dataVersion = -1;
  #reading: NodeJS.Timeout | undefined;
  readonly #writes = new WritesOfTurn((work) => this.transaction(work, false));

  /** @param content initial content of a database in memory, from `DatabaseSync.serialize` */
  constructor(file: string, readonly: boolean, content?: Uint8Array) {
    this.#readonly = readonly;
    this.db = new DatabaseSync(file, { readOnly: readonly, timeout: 5000 });
    if (content !== undefined) this.db.deserialize(content);
    if (!readonly && content === undefined)
      this.db.exec(
        'PRAGMA page_size = 4096; PRAGMA journal_mode = WAL; PRAGMA synchronous = NORMAL; PRAGMA ' +
          `wal_autocheckpoint = 24000; PRAGMA journal_size_limit = 67108864; ${REGISTRY}`,
      );
    // A reader in another thread scans, so it needs only a small cache of pages.
    this.db.exec(`PRAGMA cache_size = ${readonly ? -4096 : -16384}; PRAGMA temp_store = MEMORY`);
    const db = this.db;
    this.control = {
      read: db.prepare('BEGIN'),
      commit: db.prepare('COMMIT'),
      dataVersion: db.prepare('PRAGMA data_version'),
      registered: db.prepare(`SELECT * FROM collections WHERE name = ${VALUE}`),
    };
    this.#checkpoints = new Checkpoints(db, !readonly);
  }

  close(): void {
    if (!this.db.isOpen) return;
    this.flush();
    this.#endReading();
    this.db.close();
  }

  /** Writes everything that waits. */
  flush(): void {
    this.#writeHeld();
    this.#writes.flush();
  }

  /**
   * The definition of a collection in the file. A read-only connection reads it again when another connection has
   * written.
   */
  lookup(collection: string): Registered | undefined {
    if (this.#readonly) {
      const { data_version: version } = this.control.dataVersion.get() as { data_version: number };
      if (version !== this.#dataVersion) this.#registered.clear();
      this.#dataVersion = version;
    }
    let found = this.#registered.get(collection);
    if (found === undefined) {
      const row = this.control.registered.get(collection) as
        (Registered & { readonly keep_until?: number | null }) | undefined;
      if (row === undefined) return undefined;
      found = {
        ...row,
        building: row.building ?? undefined,
        previous: row.previous ?? undefined,
        keepUntil: row.keep_until ?? undefined,
      };
      this.#registered.set(collection, found);
    }
    return found;
  }

  of(projection: Projection, build: number): Statements {
    const layout = layoutOf(projection);
    let builds = this.#statements.get(layout.collection);
    if (builds === undefined) this.#statements.set(layout.collection, (builds = new Map<number, Statements>()));
    let statements = builds.get(build);
    if (statements === undefined) builds.set(build, (statements = new Statements(this.db, layout, build)));
    return statements;
  }
  live(projection: Projection): Statements | undefined {
    const build = this.lookup(collectionName(projection))?.live;
    return build === undefined ? undefined : this.of(projection, build);
  }

  checkpoints(projection: Projection, build: Build): readonly Checkpoint[] {
    const collection = collectionName(projection);
    const number = build === 'live' ? this.lookup(collection)?.live : build;
    if (number === undefined) return [];
    return this.#checkpoints.of(collection, number);
  }

  /** Next offset of the partition of a checkpoint; 0 without a stored one. */
  nextOf(collection: string, build: number, checkpoint: Checkpoint): number {
    return this.#checkpoints.next(collection, build, checkpoint);
  }
  /** Saves a checkpoint within the caller's transaction. */
  saveCheckpoint(collection: string, build: number, checkpoint: Checkpoint): void {
    this.#checkpoints.save({ collection, build, checkpoint });
  }
  /** Saves a checkpoint that has no documents. It is known at once, and in the file soon. */
  holdCheckpoint(collection: string, build: number, checkpoint: Checkpoint): void {
    if (!this.db.isOpen) throw new EngineUnavailable('the views are closed');
    this.#checkpoints.hold({ collection, build, checkpoint });
    this.#writeHeldLater();
  }
  #writeHeldLater(): void {
    this.#held ??= setTimeout(() => this.#writeHeld(), HOLD_MS).unref();
  }
  #writeHeld(): void {
    clearTimeout(this.#held);
    this.#held = undefined;
    const { waits } = this.#checkpoints;
    if (waits === 0) return;
    this.together(waits, () => this.#checkpoints.writeWaiting()).catch(() => this.db.isOpen && this.#writeHeldLater());
  }

  /** Drops the statements of a removed build. */
  forget(collection: string, build: number): void {
    this.#statements.get(collection)?.delete(build);
    this.#checkpoints.forget(collection, build);
  }

  /**
   * Reads share a transaction, because locks on the file are half of the cost of a `get`. Only the writing connection
   * does so, and nobody else writes the file. Each write ends the transaction first, so a read sees all earlier writes,
   * and no reader is left behind the end of the write-ahead log, where it would hinder a checkpoint.
   */
  beginReading(): void {
    if (this.#readonly || this.#reading !== undefined || this.db.isTransaction) return;
    this.control.read.run();
    this.#reading = setTimeout(() => this.#endReading(), READING_MS);
  }

  #endReading(): void {
    if (this.#reading === undefined) return;
    clearTimeout(this.#reading);
    this.#reading = undefined;
    this.control.commit.run();
  }

  /** Writes together with others, see `WritesOfTurn`. `work` must change no entry of a collection. */
  together<T>(rows: number, work: () => T, waitMs?: number): Promise<T> {
    return this.#writes.add(rows, work, waitMs);
  }

  /** @param forgets false if `work` changes no entry of a collection */
  transaction<T>(work: () => T, forgets = true): T {
    try {
      this.#endReading();
      const result = transaction(this.db, work);
      this.#checkpoints.committed();
      return result;
    } catch (error) {
      this.#checkpoints.rolledBack();
      for (const builds of this.#statements.values()) for (const { shared } of builds.values()) shared?.forget();
      throw asFault(error);
    } finally {
      if (forgets) this.#registered.clear();
    }
  }
}
