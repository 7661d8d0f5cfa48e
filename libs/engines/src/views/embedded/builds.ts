import { setImmediate as nextTurn } from 'node:timers/promises';
import { collectionName, type Projection } from '../projection.ts';
import { type Advance, type Build, type Checkpoint, CheckpointMoved, type Expected } from '../store.ts';
import { type Change, type Registered, ViewStore } from '../view-store.ts';
import type { Connection } from './connection.ts';
import { completeTriggers, createTriggers, dropTriggers } from './extracts-table.ts';
import { addedIndexes, changesOfOthers, createTables, layoutOf, quoted, tablesOf } from './tables.ts';
import { VALUE } from '../../log/embedded/index.ts';

const STORED = ['live', 'last', 'building', 'previous', 'keepUntil'] as const;

/** The registry and the tables of builds in the file. */
export abstract class EmbeddedBuilds extends ViewStore {
  protected abstract connection: Connection;
  /** Each read looks up the live build. */
  protected readonly settleMs = 0;
  /** The work on builds ends with the process, so the file does not have it: lease, seal and announcement. */
  readonly #working = new Map<string, Pick<Registered, 'lease' | 'sealed' | 'ending'>>();

  /** Counts the changes of each view by this store. */
  readonly #changes = new Map<string, number>();
  /** Whether all changes of the file are those of this store. */
  protected abstract readonly writesAlone: boolean;

  generation(projection: Projection): number | undefined {
    return this.writesAlone ? (this.#changes.get(collectionName(projection)) ?? 0) : undefined;
  }
  /** Call it before the change can be read. */
  protected changes(collection: string): void {
    this.#changes.set(collection, (this.#changes.get(collection) ?? 0) + 1);
  }

  protected now(): number {
    return performance.now();
  }
  protected async entry(projection: Projection): Promise<Registered | undefined> {
    return this.#entryOf(collectionName(projection));
  }
  #entryOf(collection: string): Registered | undefined {
    const stored = this.connection.lookup(collection);
    return stored && { ...stored, ...this.#working.get(collection) };
  }

  protected async register(projection: Projection, { definition }: Registered): Promise<void> {
    const layout = layoutOf(projection);
    if (this.connection.lookup(layout.collection) !== undefined) return;
    this.connection.transaction(() => {
      this.#create(projection, 1);
      this.connection.db
        .prepare('INSERT INTO collections (name, definition, live, last) VALUES (?, ?, 1, 1)')
        .run(layout.collection, definition);
    });
  }
  #create(projection: Projection, build: number): void {
    const layout = layoutOf(projection);
    createTables(this.connection.db, layout, build);
    createTriggers(this.connection.db, layout, build);
    this.connection.db.prepare('INSERT INTO builds VALUES (?, ?)').run(layout.collection, build);
  }

  /** One step without an await, so nothing comes between. */
  protected async change(projection: Projection, change: Change): Promise<boolean> {
    const collection = collectionName(projection);
    const before = this.#entryOf(collection)!;
    const after = change(before);
    if (after === undefined) return false;
    this.changes(collection);
    const { live, last, building, previous, keepUntil, lease, sealed, ending } = after;
    // A seal can be lifted on a full disk, too.
    if (STORED.some((field) => before[field] !== after[field]))
      this.connection.transaction(() => {
        if (last > before.last) this.#create(projection, last);
        this.connection.db
          .prepare(
            'UPDATE collections SET live = ?, last = ?, building = ?, previous = ?, keep_until = ? WHERE name = ?',
          )
          .run(live, last, building ?? null, previous ?? null, keepUntil ?? null, collection);
        // An earlier release may have made the build, without them.
        if (live !== before.live) this.#complete(projection, live);
      });
    this.#working.set(collection, { lease, sealed, ending });
    return true;
  }

  /** A build is created in one transaction, so it lacks only what this release has added to it. */
  protected async complete(projection: Projection, build: number): Promise<void> {
    const { db } = this.connection;
    const changes = changesOfOthers(db, layoutOf(projection), build);
    this.connection.transaction(() => {
      for (const sql of changes) db.exec(sql);
      this.#complete(projection, build);
    });
  }
  #complete(projection: Projection, build: number): void {
    const { db } = this.connection;
    const layout = layoutOf(projection);
    for (const sql of addedIndexes(layout, build)) db.exec(sql);
    completeTriggers(db, layout, build);
  }
  protected async check(): Promise<void> {}
  protected async storedBuilds(projection: Projection): Promise<readonly number[]> {
    const found = this.connection.db
      .prepare(`SELECT build FROM builds WHERE collection = ${VALUE}`)
      .all(collectionName(projection)) as { build: number }[];
    return found.map(({ build }) => build);
  }
  /** `save` asks the registry. */
  protected async sealCheckpoints(): Promise<void> {}
  protected async unsealCheckpoints(): Promise<void> {}

  async checkpoints(projection: Projection, build: Build): Promise<readonly Checkpoint[]> {
    return this.connection.checkpoints(projection, build);
  }

  /** Within the caller's transaction. @throws CheckpointMoved as `expect` */
  protected save(collection: string, build: number, checkpoint: Advance): void {
    this.#expect(collection, build, checkpoint);
    this.connection.saveCheckpoint(collection, build, checkpoint);
  }
  /** Saves a checkpoint without documents, outside of a transaction. @throws CheckpointMoved as `expect` */
  protected hold(collection: string, build: number, checkpoint: Advance): void {
    this.#expect(collection, build, checkpoint);
    this.connection.holdCheckpoint(collection, build, checkpoint);
  }

  /** @throws CheckpointMoved if the checkpoint is not at `from`, or the build is sealed */
  #expect(collection: string, build: number, checkpoint: Advance): void {
    const { live, building, sealed } = this.#entryOf(collection)!;
    // A late writer may still have the build that another one replaced.
    const isOver = build === sealed || (build !== live && build !== building);
    if (isOver || this.connection.nextOf(collection, build, checkpoint) !== checkpoint.from)
      throw CheckpointMoved.from(collection, checkpoint);
  }

  async verify(projection: Projection, build: number, expected: Expected): Promise<void> {
    const { topic, partition, from } = expected;
    const stored = this.connection.checkpoints(projection, build);
    if ((stored.find((c) => c.topic === topic && c.partition === partition)?.next ?? 0) !== from)
      throw CheckpointMoved.from(collectionName(projection), expected);
  }

  /** Deletes rows in small pieces, so that dropping a large table never blocks the process. */
  protected async erase(projection: Projection, build: number): Promise<void> {
    const layout = layoutOf(projection);
    const { db } = this.connection;
    this.connection.forget(layout.collection, build);
    // Extracts are of other builds.
    this.connection.transaction(() => dropTriggers(db, layout, build));
    const exists = db.prepare(`SELECT 1 FROM sqlite_master WHERE name = ${VALUE}`);
    for (const { table, key } of tablesOf(layout, build)) {
      // Somebody else may drop the same build, and be faster.
      const isThere = (): boolean => exists.get(table) !== undefined;
      if (!isThere()) continue;
      const piece = db.prepare(
        `DELETE FROM ${quoted(table)} WHERE (${key}) IN (SELECT ${key} FROM ${quoted(table)} LIMIT 500)`,
      );
      while (db.isOpen && isThere() && this.connection.transaction(() => piece.run()).changes !== 0) await nextTurn();
    }
    if (!db.isOpen) return; // the next `ensure` continues
    this.connection.transaction(() => {
      for (const { table } of tablesOf(layout, build)) db.exec(`DROP TABLE IF EXISTS ${quoted(table)}`);
      db.prepare('DELETE FROM checkpoints WHERE collection = ? AND build = ?').run(layout.collection, build);
      db.prepare('DELETE FROM builds WHERE collection = ? AND build = ?').run(layout.collection, build);
    });
  }
}
