import { setImmediate as nextTurn } from 'node:timers/promises';
import { buildsOf } from '../encoding.ts';
import { Leases } from '../leases.ts';
import { collectionName } from '../projection.ts';
import type { Projection } from '../projection.ts';
import { definitionOf } from '../query.ts';
import { CheckpointMoved } from '../store.ts';
import type { Build, Builds, Checkpoint } from '../store.ts';
import type { Connection } from './connection.ts';
import { createTables, layoutOf, quoted, tablesOf } from './tables.ts';
import type { Layout } from './tables.ts';

/** Builds of a view (live, building, previous) and the position of each. */
export abstract class ViewBuilds {
  protected connection!: Connection;
  protected leases = new Leases();
  readonly #sealed = new Set<string>();

  async ensure(projection: Projection): Promise<number> {
    const layout = layoutOf(projection);
    const definition = definitionOf(projection);
    const there = this.connection.lookup(layout.collection);
    if (there !== undefined) {
      if (there.definition !== definition)
        throw new Error(`${layout.collection}: parts, indexes or bodies changed; give the projection a new version`);
      const builds = this.connection.db
        .prepare('SELECT build FROM builds WHERE collection = ?')
        .all(layout.collection) as { build: number }[];
      for (const { build } of builds)
        if (![there.live, there.building, there.previous].includes(build)) await this.#drop(layout, build);
      return there.live;
    }
    this.connection.transaction(() => {
      createTables(this.connection.db, layout, 1);
      this.connection.db.prepare('INSERT INTO builds VALUES (?, 1)').run(layout.collection);
      this.connection.db
        .prepare('INSERT INTO collections (name, definition, live, last) VALUES (?, ?, 1, 1)')
        .run(layout.collection, definition);
    });
    return 1;
  }

  async builds(projection: Projection, _fresh = false): Promise<Builds | undefined> {
    const registered = this.connection.lookup(collectionName(projection));
    return registered && buildsOf(registered);
  }

  /**
   * Within the caller's transaction. @throws CheckpointMoved if the checkpoint is not at `from`, or the build is sealed
   */
  protected save(
    collection: string,
    build: number,
    { topic, partition, next, progress }: Checkpoint,
    from: number | undefined,
  ): void {
    const entries = JSON.stringify(progress);
    if (from === undefined) {
      this.connection.control.save!.run(collection, build, topic, partition, next, entries);
      return;
    }
    const saved = this.isSealed(collection, build)
      ? 0
      : from === 0
        ? this.connection.control.first!.run(collection, build, topic, partition, next, entries).changes
        : this.connection.control.move!.run(next, entries, collection, build, topic, partition, from).changes;
    if (Number(saved) === 0) throw CheckpointMoved.from(collection, topic, partition, from);
  }

  async verify(projection: Projection, build: Build, topic: string, partition: number, from: number): Promise<void> {
    const next =
      this.connection.checkpoints(projection, build).find((c) => c.topic === topic && c.partition === partition)
        ?.next ?? 0;
    if (next !== from) throw CheckpointMoved.from(collectionName(projection), topic, partition, from);
  }

  async startBuild(projection: Projection): Promise<number> {
    const layout = layoutOf(projection);
    const there = this.connection.lookup(layout.collection)!;
    if (there.building !== undefined) await this.dropBuild(projection, there.building);
    const build = there.last + 1;
    this.connection.transaction(() => {
      createTables(this.connection.db, layout, build);
      this.connection.db.prepare('INSERT INTO builds VALUES (?, ?)').run(layout.collection, build);
      this.connection.db
        .prepare('UPDATE collections SET building = ?, last = ? WHERE name = ?')
        .run(build, build, layout.collection);
    });
    return build;
  }

  async reopen(projection: Projection): Promise<number | undefined> {
    const collection = collectionName(projection);
    const { previous, building } = this.connection.lookup(collection)!;
    if (previous === undefined || building !== undefined) return undefined;
    this.connection.transaction(() =>
      this.connection.db
        .prepare('UPDATE collections SET building = previous, previous = NULL, keep_until = NULL WHERE name = ?')
        .run(collection),
    );
    this.#sealed.delete(`${collection}/${previous}`);
    return previous;
  }

  async lease(projection: Projection, build: number, holder: string, ttlMs: number): Promise<boolean> {
    const collection = collectionName(projection);
    return (
      this.connection.lookup(collection)?.building === build &&
      this.leases.take(`${collection}/${build}`, holder, ttlMs)
    );
  }

  async release(projection: Projection, build: number, holder: string): Promise<void> {
    this.leases.release(`${collectionName(projection)}/${build}`, holder);
  }

  async seal(projection: Projection): Promise<readonly Checkpoint[]> {
    const collection = collectionName(projection);
    this.#sealed.add(`${collection}/${this.connection.lookup(collection)!.live}`);
    return this.connection.checkpoints(projection, 'live');
  }

  protected isSealed(collection: string, build: number): boolean {
    return this.#sealed.has(`${collection}/${build}`);
  }

  async unseal(projection: Projection): Promise<void> {
    const collection = collectionName(projection);
    this.#sealed.delete(`${collection}/${this.connection.lookup(collection)!.live}`);
  }

  async swap(projection: Projection, build: number, keepUntil?: number): Promise<number> {
    const collection = collectionName(projection);
    const there = this.connection.lookup(collection)!;
    if (there.building !== build) throw new Error(`${collection}: build ${build} is not being built`);
    this.connection.transaction(() =>
      this.connection.db
        .prepare('UPDATE collections SET previous = live, keep_until = ?, live = ?, building = NULL WHERE name = ?')
        .run(keepUntil ?? null, build, collection),
    );
    return there.live;
  }

  async dropBuild(projection: Projection, build: number): Promise<void> {
    const layout = layoutOf(projection);
    const there = this.connection.lookup(layout.collection)!;
    if (there.live === build) throw new Error(`${layout.collection}: the live build is not dropped`);
    if (there.building === build) {
      this.connection.transaction(() =>
        this.connection.db.prepare('UPDATE collections SET building = NULL WHERE name = ?').run(layout.collection),
      );
      await this.unseal(projection);
    }
    if (there.previous === build)
      this.connection.transaction(() =>
        this.connection.db
          .prepare('UPDATE collections SET previous = NULL, keep_until = NULL WHERE name = ?')
          .run(layout.collection),
      );
    await this.#drop(layout, build);
  }

  /** Deletes rows in small pieces, so that dropping a large table never blocks the process. */
  async #drop(layout: Layout, build: number): Promise<void> {
    this.connection.forget(layout.collection, build);
    for (const { table, key } of tablesOf(layout, build)) {
      if (this.connection.db.prepare('SELECT 1 FROM sqlite_master WHERE name = ?').get(table) === undefined) continue;
      const piece = this.connection.db.prepare(
        `DELETE FROM ${quoted(table)} WHERE (${key}) IN (SELECT ${key} FROM ${quoted(table)} LIMIT 500)`,
      );
      while (this.connection.db.isOpen && this.connection.transaction(() => piece.run()).changes !== 0)
        await nextTurn();
    }
    if (!this.connection.db.isOpen) return; // the next `ensure` continues
    this.connection.transaction(() => {
      for (const { table } of tablesOf(layout, build)) this.connection.db.exec(`DROP TABLE IF EXISTS ${quoted(table)}`);
      this.connection.db
        .prepare('DELETE FROM checkpoints WHERE collection = ? AND build = ?')
        .run(layout.collection, build);
      this.connection.db.prepare('DELETE FROM builds WHERE collection = ? AND build = ?').run(layout.collection, build);
    });
  }
}
