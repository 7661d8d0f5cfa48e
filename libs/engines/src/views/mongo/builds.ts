import { setTimeout as delay } from 'node:timers/promises';
import type { Collection, Db, MongoClient } from 'mongodb';
import { EngineUnavailable } from '@provider-access/engines/log';
import { Advances } from '../advances.ts';
import { buildsOf, physicalName } from '../encoding.ts';
import { collectionName } from '../projection.ts';
import type { Projection } from '../projection.ts';
import { definitionOf } from '../query.ts';
import { EnsureError } from '../store.ts';
import type { Build, Builds, Checkpoint } from '../store.ts';
import { Checkpoints } from './checkpoints.ts';
import { Calls } from './faults.ts';
import { createIndexes, requireIndexes } from './indexes.ts';
import { layoutOf } from './layout.ts';
import type { Layout, StoredDocument } from './layout.ts';
import { deadlineOf } from './options.ts';
import type { MongoViewsOptions } from './options.ts';
import { Registry } from './registry.ts';
import type { Registered } from './registry.ts';

/** Builds of a view (live, building, previous), and which of them is live. */
export abstract class MongoBuilds {
  protected readonly db: Db;
  protected readonly calls: Calls;
  protected readonly ttlMs: number;
  protected readonly registry: Registry;
  protected readonly stored: Checkpoints;
  protected readonly advances = new Advances();
  readonly #applyIndexes: boolean;
  /** Views whose live build this process has sealed. Its swap fails if another process has lifted the seal. */
  readonly #sealed = new Set<string>();
  /** Views whose swap this process has announced, after every reader knows of it. */
  readonly #ending = new Map<string, number>();

  constructor(client: MongoClient, options: MongoViewsOptions) {
    this.db = client.db(options.database);
    this.calls = new Calls(deadlineOf(options));
    this.ttlMs = options.registryTtlMs ?? 1000;
    this.registry = new Registry(this.db, this.ttlMs, this.calls);
    this.stored = new Checkpoints(this.db, this.calls);
    this.#applyIndexes = options.applyIndexes ?? false;
  }

  /** A build was dropped, so the caches of its collection are invalid. */
  protected abstract forget(physical: string): void;

  async ensure(projection: Projection): Promise<number> {
    const layout = layoutOf(projection);
    const { collection } = layout;
    const definition = definitionOf(projection);
    let { entry } = await this.registry.fresh(collection);
    if (entry === undefined) {
      if (!this.#applyIndexes)
        throw new EnsureError(`${collection}: the view is not there. Create it with \`pa views apply\``);
      await this.stored.createIndex(collection);
      await this.registry.insert({ _id: collection, definition, live: 1, last: 1 });
      entry = (await this.registry.fresh(collection)).entry!;
    }
    if (entry.definition !== definition)
      throw new Error(`${collection}: parts, indexes or bodies changed; give the projection a new version`);
    const physical = physicalName(collection, entry.live);
    if (this.#applyIndexes) await createIndexes(this.db, layout, physical, this.calls);
    await requireIndexes(this.db, layout, physical, this.calls);
    await this.#sweep(collection, entry);
    return entry.live;
  }

  /** Drops builds that a crash left behind, and builds that a late writer created again. */
  async #sweep(collection: string, entry: Registered): Promise<void> {
    const names = await this.calls.calling(collection, () =>
      this.db.listCollections({ name: { $regex: `^${collection}_r[0-9]+$` } }, { nameOnly: true }).toArray(),
    );
    for (const { name } of names) {
      const build = Number(name.slice(collection.length + 2));
      if (build <= entry.last && ![entry.live, entry.building, entry.previous].includes(build))
        await this.#remove(collection, build);
    }
  }

  async #remove(collection: string, build: number): Promise<void> {
    const physical = physicalName(collection, build);
    this.forget(physical);
    await this.calls.calling(collection, () => this.db.collection(physical).drop());
    await this.stored.drop(collection, physical);
  }

  async builds(projection: Projection, fresh = false): Promise<Builds | undefined> {
    const view = collectionName(projection);
    const { entry } = fresh ? await this.registry.fresh(view) : await this.registry.lookup(view);
    if (fresh && entry?.sealed === entry?.live && entry?.sealed !== undefined && (entry.lease?.until ?? 0) < Date.now())
      await this.#unseal(view, entry.live);
    return entry && buildsOf(entry);
  }

  async startBuild(projection: Projection): Promise<number> {
    const layout = layoutOf(projection);
    const view = layout.collection;
    const first = (await this.#entry(view)).building;
    if (first !== undefined) await this.dropBuild(projection, first);
    for (;;) {
      const { building, last } = await this.#entry(view);
      if (building !== undefined) return building; // of another process; the holder of its lease continues it
      if (
        !(await this.registry.change(
          view,
          { building: { $exists: false }, last },
          { $set: { building: last + 1, last: last + 1 } },
        ))
      )
        continue;
      await createIndexes(this.db, layout, physicalName(view, last + 1), this.calls);
      return last + 1;
    }
  }

  async reopen(projection: Projection): Promise<number | undefined> {
    const view = collectionName(projection);
    const { previous } = await this.#entry(view);
    if (previous === undefined) return undefined;
    await requireIndexes(this.db, layoutOf(projection), physicalName(view, previous), this.calls);
    if (
      !(await this.registry.change(
        view,
        { previous, building: { $exists: false } },
        { $set: { building: previous }, $unset: { previous: '', keepUntil: '' } },
      ))
    )
      return undefined;
    await this.stored.unseal(view, physicalName(view, previous));
    return previous;
  }

  lease(projection: Projection, build: number, holder: string, ttlMs: number): Promise<boolean> {
    const now = Date.now();
    return this.registry.change(
      collectionName(projection),
      {
        building: build,
        $or: [{ lease: { $exists: false } }, { 'lease.holder': holder }, { 'lease.until': { $lt: now } }],
      },
      { $set: { lease: { holder, until: now + ttlMs } } },
    );
  }

  async release(projection: Projection, build: number, holder: string): Promise<void> {
    this.#ending.delete(collectionName(projection));
    await this.registry.change(
      collectionName(projection),
      { building: build, 'lease.holder': holder },
      { $unset: { lease: '', ending: '' } },
    );
  }

  async seal(
    projection: Projection,
    partitions: readonly { readonly topic: string; readonly partition: number }[],
  ): Promise<readonly Checkpoint[]> {
    const view = collectionName(projection);
    const { live } = await this.#entry(view);
    if (!(await this.registry.change(view, { live }, { $set: { sealed: live } })))
      throw new EngineUnavailable(`${view}: another build was swapped in`);
    this.#sealed.add(view);
    await this.stored.seal(view, physicalName(view, live), partitions);
    return this.stored.of(view, physicalName(view, live));
  }

  async unseal(projection: Projection): Promise<void> {
    const view = collectionName(projection);
    const { live } = await this.#entry(view);
    await this.#unseal(view, live);
  }

  /**
   * Changes the registry first. From then on the swap of the sealer fails, even while the checkpoints are still sealed.
   */
  async #unseal(view: string, live: number): Promise<void> {
    this.#sealed.delete(view);
    this.#ending.delete(view);
    await this.registry.change(view, { sealed: live }, { $unset: { sealed: '' } });
    await this.registry.change(view, { ending: live }, { $unset: { ending: '' } });
    await this.stored.unseal(view, physicalName(view, live));
  }

  /** Waits until no read uses an older answer of the registry. `MongoStore` uses an answer for 2 * `ttlMs`. */
  async announceSwap(projection: Projection): Promise<void> {
    const view = collectionName(projection);
    const { live } = await this.#entry(view);
    if (!(await this.registry.change(view, { live }, { $set: { ending: live } })))
      throw new EngineUnavailable(`${view}: another build was swapped in`);
    await delay(2.5 * this.ttlMs);
    this.#ending.set(view, live);
  }

  async swap(projection: Projection, build: number, keepUntil?: number): Promise<number> {
    const view = collectionName(projection);
    const { live, building } = await this.#entry(view);
    if (building !== build) throw new Error(`${view}: build ${build} is not being built`);
    await requireIndexes(this.db, layoutOf(projection), physicalName(view, build), this.calls);
    if (this.#ending.get(view) !== live) await this.announceSwap(projection);
    const when = { live, building: build, ending: live, ...(this.#sealed.has(view) && { sealed: live }) };
    const set = { live: build, previous: live, swappedAt: Date.now(), ...(keepUntil !== undefined && { keepUntil }) };
    const swapped = await this.registry.change(view, when, {
      $set: set,
      $unset: {
        building: '',
        lease: '',
        sealed: '',
        ending: '',
        ...(keepUntil === undefined && { keepUntil: '' as const }),
      },
    });
    this.#sealed.delete(view);
    this.#ending.delete(view);
    if (!swapped) throw new EngineUnavailable(`${view}: the seal of the live build was lifted before the swap`);
    this.advances.announce(view);
    return live;
  }

  async dropBuild(projection: Projection, build: number): Promise<void> {
    const view = collectionName(projection);
    const { live, previous, swappedAt } = await this.#entry(view);
    if (live === build) throw new Error(`${view}: the live build is not dropped`);
    // A reader may have looked up the replaced build just before the swap.
    if (build === previous && swappedAt !== undefined)
      await delay(Math.min(Math.max(swappedAt + 2.5 * this.ttlMs - Date.now(), 0), 2.5 * this.ttlMs));
    await this.registry.change(view, { building: build, sealed: live }, { $unset: { sealed: '' } });
    if (await this.registry.change(view, { building: build }, { $unset: { building: '', lease: '', ending: '' } }))
      await this.stored.unseal(view, physicalName(view, live));
    await this.registry.change(view, { previous: build }, { $unset: { previous: '', keepUntil: '' } });
    await this.#remove(view, build);
  }

  async #entry(view: string): Promise<Registered> {
    const { entry } = await this.registry.fresh(view);
    if (entry === undefined) throw new EngineUnavailable(`${view}: the view is not there`);
    return entry;
  }

  protected async collection(layout: Layout, build: Build): Promise<Collection<StoredDocument>> {
    const number = build === 'live' ? (await this.registry.lookup(layout.collection)).entry?.live : build;
    if (number === undefined) throw new EngineUnavailable(`${layout.collection}: the view is not there`);
    return this.db.collection<StoredDocument>(physicalName(layout.collection, number));
  }
}
