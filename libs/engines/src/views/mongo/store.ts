import { setTimeout as delay } from 'node:timers/promises';
import type { Collection, Db, MongoClient } from 'mongodb';
import { EngineUnavailable } from '@provider-access/engines/log';
import { Advances } from '../advances.ts';
import { collectionName } from '../projection.ts';
import type { FindQuery, Projection, ViewDocument } from '../projection.ts';
import { planQuery } from '../query.ts';
import { CheckpointMoved, EnsureError } from '../store.ts';
import type { Build, Builds, Checkpoint, StoredPart, ViewOp, ViewSnapshot, ViewStore } from '../store.ts';
import { BUILD_INDEX, Checkpoints } from './checkpoints.ts';
import type { StoredCheckpoint } from './checkpoints.ts';
import { Decoded } from './decoded.ts';
import { Calls } from './faults.ts';
import { Incarnation } from './incarnation.ts';
import { createIndexes, requireIndexes } from './indexes.ts';
import {
  decode,
  decodeIndexed,
  definitionOf,
  indexedProjection,
  layoutOf,
  physicalName,
  positionOf,
  removedOf,
  wholeProjection,
} from './layout.ts';
import type { Layout, StoredDocument } from './layout.ts';
import { deadlineOf } from './options.ts';
import type { MongoViewsOptions } from './options.ts';
import { queriesOf } from './queries.ts';
import { buildsOf, Registry } from './registry.ts';
import type { Registered } from './registry.ts';
import { snapshotOf } from './snapshot.ts';
import { writeOps } from './writes.ts';

export const REGISTRY = 'views';
export const CHECKPOINTS = 'view_checkpoints';
/** How long a build without checkpoints counts as the live one. */
const UNMOVED_MS = 30_000;

/**
 * Views in MongoDB: single-document writes, each conditional; nothing needs a transaction. Several processes share it.
 */
export class MongoStore implements ViewStore {
  readonly shared = true;
  looked: ((kept: boolean) => void) | undefined;
  readonly #client: MongoClient;
  readonly #incarnation: Incarnation;
  readonly #calls: Calls;
  readonly #db: Db;
  readonly #applyIndexes: boolean;
  readonly #ttlMs: number;
  readonly #registry: Registry;
  readonly #checkpoints: Checkpoints;
  readonly #advances = new Advances();
  readonly #layouts = new WeakMap<Projection, Layout>();
  readonly #decoded = new Map<string, Decoded>();
  /** Builds that had a checkpoint at the last look of this process. */
  readonly #moved = new Set<string>();
  /** Views whose live build this process has sealed. Its swap counts only while nobody has lifted the seal. */
  readonly #sealed = new Set<string>();
  /**
   * Builds whose declared indexes this process has checked. For a view of another service, that is at the first query.
   */
  readonly #indexed = new Set<string>();
  /** Views whose swap this process has announced and for which it has waited until every reader knows. */
  readonly #ending = new Map<string, number>();

  constructor(client: MongoClient, options: MongoViewsOptions) {
    this.#client = client;
    this.#incarnation = new Incarnation(client);
    this.#calls = new Calls(deadlineOf(options));
    this.#db = client.db(options.database);
    this.#applyIndexes = options.applyIndexes ?? false;
    this.#ttlMs = options.registryTtlMs ?? 1000;
    this.#registry = new Registry(this.#db.collection<Registered>(REGISTRY), this.#ttlMs, this.#calls);
    this.#checkpoints = new Checkpoints(this.#db.collection<StoredCheckpoint>(CHECKPOINTS), this.#calls);
  }

  incarnation(): number {
    return this.#incarnation.number;
  }

  close(): Promise<void> {
    return this.#client.close();
  }

  async ensure(projection: Projection): Promise<number> {
    const layout = this.#layout(projection);
    const { collection } = layout;
    const definition = definitionOf(layout);
    let { entry } = await this.#registry.fresh(collection);
    if (entry === undefined) {
      if (!this.#applyIndexes)
        throw new EnsureError(`${collection}: the view is not there. Create it with \`pa views apply\``);
      await this.#calls.calling(collection, () =>
        this.#db.collection(CHECKPOINTS).createIndex({ ...BUILD_INDEX.key }, { name: BUILD_INDEX.name }),
      );
      await this.#registry.insert({ _id: collection, definition, live: 1, last: 1 });
      entry = (await this.#registry.fresh(collection)).entry!;
    }
    if (entry.definition !== definition)
      throw new Error(`${collection}: parts, indexes or bodies changed; give the projection a new version`);
    const physical = physicalName(collection, entry.live);
    if (this.#applyIndexes) await createIndexes(this.#db, layout, physical, this.#calls);
    await requireIndexes(this.#db, layout, physical, this.#calls);
    await this.#sweep(collection, entry);
    return entry.live;
  }

  /** Drops builds that a crash left behind, and builds that a late writer created again. */
  async #sweep(collection: string, entry: Registered): Promise<void> {
    const names = await this.#calls.calling(collection, () =>
      this.#db.listCollections({ name: { $regex: `^${collection}_r[0-9]+$` } }, { nameOnly: true }).toArray(),
    );
    for (const { name } of names) {
      const build = Number(name.slice(collection.length + 2));
      if (build <= entry.last && ![entry.live, entry.building, entry.previous].includes(build))
        await this.#remove(collection, build);
    }
  }

  async #remove(collection: string, build: number): Promise<void> {
    this.#decoded.delete(physicalName(collection, build));
    this.#indexed.delete(physicalName(collection, build));
    this.#moved.delete(physicalName(collection, build));
    await this.#calls.calling(collection, () => this.#db.collection(physicalName(collection, build)).drop());
    await this.#checkpoints.drop(collection, physicalName(collection, build));
  }

  async builds(projection: Projection, fresh = false): Promise<Builds | undefined> {
    const view = collectionName(projection);
    const { entry } = fresh ? await this.#registry.fresh(view) : await this.#registry.lookup(view);
    if (fresh && entry?.sealed === entry?.live && entry?.sealed !== undefined && (entry.lease?.until ?? 0) < Date.now())
      await this.#unseal(view, entry.live);
    return entry && buildsOf(entry);
  }

  async parts(
    projection: Projection,
    build: Build,
    part: string,
    ids: readonly string[],
  ): Promise<ReadonlyMap<string, StoredPart>> {
    const layout = this.#layout(projection);
    const collection = await this.#collection(layout, build);
    const bodies = (projection.bodies ?? []).filter((b) => b.startsWith(`${part}.`));
    const fields = { [`_d.${part}`]: 1, [`_p.${part}`]: 1, ...Object.fromEntries(bodies.map((b) => [`_b.${b}`, 1])) };
    const found = await this.#calls.asking(layout.collection, () =>
      collection.find({ _id: { $in: [...ids] } }, { projection: fields, batchSize: ids.length + 1 }).toArray(),
    );
    return new Map(
      found.flatMap((d) =>
        d._p?.[part] === undefined
          ? []
          : [[d._id, { value: decode(layout, d)?.[part] ?? null, position: positionOf(d, part) }] as const],
      ),
    );
  }

  async apply(
    projection: Projection,
    build: Build,
    ops: readonly ViewOp[],
    checkpoint?: Checkpoint,
    from?: number,
    incarnation?: number,
  ): Promise<readonly string[]> {
    const layout = this.#layout(projection);
    const collection = await this.#collection(layout, build);
    const refused = ops.length === 0 ? [] : await writeOps(collection, layout, ops, this.#calls);
    if (checkpoint !== undefined && refused.length === 0) {
      if (incarnation !== undefined && incarnation !== this.incarnation())
        throw new CheckpointMoved(`${layout.collection}: the store may have forgotten what was written`);
      await this.#checkpoints.save(layout.collection, collection.collectionName, checkpoint, from);
      this.#advances.announce(layout.collection);
    }
    return refused;
  }

  async checkpoints(projection: Projection, build: Build): Promise<readonly Checkpoint[]> {
    const view = collectionName(projection);
    if (build !== 'live') return this.#checkpoints.of(view, physicalName(view, build));
    // A build is sealed before another one replaces it. So a build whose checkpoints move is still live, however old
    // the answer of the registry is. A build without checkpoints is asked for less often, because its position is the
    // beginning, whichever build is live.
    const { entry, at } = this.#registry.remembered(view) ?? { entry: undefined, at: 0 };
    if (entry !== undefined) {
      const { checkpoints, moving } = await this.#checkpoints.read(view, physicalName(view, entry.live));
      if (moving) this.#moved.add(physicalName(view, entry.live));
      if (
        moving ||
        (checkpoints.length === 0 &&
          !this.#moved.has(physicalName(view, entry.live)) &&
          performance.now() - at < UNMOVED_MS)
      )
        return checkpoints;
    }
    const live = (await this.#registry.fresh(view)).entry?.live;
    return live === undefined ? [] : this.#checkpoints.of(view, physicalName(view, live));
  }

  async verify(projection: Projection, build: Build, topic: string, partition: number, from: number): Promise<void> {
    const layout = this.#layout(projection);
    await this.#checkpoints.verify(
      layout.collection,
      (await this.#collection(layout, build)).collectionName,
      topic,
      partition,
      from,
    );
  }

  async getMany(
    projection: Projection,
    ids: readonly string[],
    bodies: readonly string[],
  ): Promise<readonly (ViewDocument | undefined)[]> {
    const layout = this.#layout(projection);
    const keep = bodies.length === 0 ? (projection.keepDecoded ?? 0) : 0;
    return this.#reading(
      layout,
      ids.map(() => undefined),
      async (collection) => {
        const unique = [...new Set(ids)];
        const fields = keep > 0 ? { ...wholeProjection([]), _p: 1 as const } : wholeProjection(bodies);
        const found = await collection
          .find(
            { _id: unique.length === 1 ? unique[0]! : { $in: unique } },
            { projection: fields, batchSize: unique.length + 1 },
          )
          .toArray();
        const decoded = keep > 0 ? this.#decodedOf(collection.collectionName, keep) : undefined;
        const documents = new Map(
          found.map((d) => [d._id, decoded === undefined ? decode(layout, d) : decoded.of(layout, d)]),
        );
        return ids.map((id) => documents.get(id));
      },
    );
  }

  async find(projection: Projection, query: FindQuery): Promise<readonly ViewDocument[]> {
    const layout = this.#layout(projection);
    const plan = planQuery(projection, query);
    const fields = plan.indexedOnly ? indexedProjection(layout, plan.bodies) : wholeProjection(plan.bodies);
    return this.#reading(layout, [], async (collection) => {
      if (!this.#indexed.has(collection.collectionName)) {
        await requireIndexes(this.#db, layout, collection.collectionName, this.#calls);
        this.#indexed.add(collection.collectionName);
      }
      const found: StoredDocument[] = [];
      for (const { filter, sort } of queriesOf(plan)) {
        const limit = plan.limit - found.length;
        if (limit === 0) break;
        found.push(...(await collection.find(filter, { sort, limit, batchSize: limit, projection: fields }).toArray()));
      }
      return found.map((d) => (plan.indexedOnly ? decodeIndexed(layout, d) : decode(layout, d)!));
    });
  }

  /**
   * The count of the collection's metadata minus the removed documents, which an index finds. After a crash of mongod
   * the count is inexact for a while.
   */
  async count(projection: Projection, build: Build): Promise<number> {
    const layout = this.#layout(projection);
    const count = async (collection: Collection<StoredDocument>): Promise<number> =>
      (await collection.estimatedDocumentCount()) - (await collection.countDocuments(removedOf(layout)));
    if (build === 'live') return this.#reading(layout, 0, count);
    const collection = await this.#collection(layout, build);
    return this.#calls.asking(layout.collection, () => count(collection));
  }

  async startBuild(projection: Projection): Promise<number> {
    const layout = this.#layout(projection);
    const view = layout.collection;
    const first = (await this.#entry(view)).building;
    if (first !== undefined) await this.dropBuild(projection, first);
    for (;;) {
      const { building, last } = await this.#entry(view);
      if (building !== undefined) return building; // of another process; the holder of its lease continues it
      if (
        !(await this.#registry.change(
          view,
          { building: { $exists: false }, last },
          { $set: { building: last + 1, last: last + 1 } },
        ))
      )
        continue;
      await createIndexes(this.#db, layout, physicalName(view, last + 1), this.#calls);
      return last + 1;
    }
  }

  async reopen(projection: Projection): Promise<number | undefined> {
    const view = collectionName(projection);
    const { previous } = await this.#entry(view);
    if (previous === undefined) return undefined;
    await requireIndexes(this.#db, this.#layout(projection), physicalName(view, previous), this.#calls);
    if (
      !(await this.#registry.change(
        view,
        { previous, building: { $exists: false } },
        { $set: { building: previous }, $unset: { previous: '', keepUntil: '' } },
      ))
    )
      return undefined;
    await this.#checkpoints.unseal(view, physicalName(view, previous));
    return previous;
  }

  lease(projection: Projection, build: number, holder: string, ttlMs: number): Promise<boolean> {
    const now = Date.now();
    return this.#registry.change(
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
    await this.#registry.change(
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
    if (!(await this.#registry.change(view, { live }, { $set: { sealed: live } })))
      throw new EngineUnavailable(`${view}: another build was swapped in`);
    this.#sealed.add(view);
    await this.#checkpoints.seal(view, physicalName(view, live), partitions);
    return this.#checkpoints.of(view, physicalName(view, live));
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
    await this.#registry.change(view, { sealed: live }, { $unset: { sealed: '' } });
    await this.#registry.change(view, { ending: live }, { $unset: { ending: '' } });
    await this.#checkpoints.unseal(view, physicalName(view, live));
  }

  /** A read uses an answer that is at most twice as old as an answer may be remembered: see `#reading`. */
  async announceSwap(projection: Projection): Promise<void> {
    const view = collectionName(projection);
    const { live } = await this.#entry(view);
    if (!(await this.#registry.change(view, { live }, { $set: { ending: live } })))
      throw new EngineUnavailable(`${view}: another build was swapped in`);
    await delay(2.5 * this.#ttlMs);
    this.#ending.set(view, live);
  }

  async swap(projection: Projection, build: number, keepUntil?: number): Promise<number> {
    const view = collectionName(projection);
    const { live, building } = await this.#entry(view);
    if (building !== build) throw new Error(`${view}: build ${build} is not being built`);
    await requireIndexes(this.#db, this.#layout(projection), physicalName(view, build), this.#calls);
    if (this.#ending.get(view) !== live) await this.announceSwap(projection);
    const when = { live, building: build, ending: live, ...(this.#sealed.has(view) && { sealed: live }) };
    const set = { live: build, previous: live, swappedAt: Date.now(), ...(keepUntil !== undefined && { keepUntil }) };
    const swapped = await this.#registry.change(view, when, {
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
    this.#advances.announce(view);
    return live;
  }

  async dropBuild(projection: Projection, build: number): Promise<void> {
    const view = collectionName(projection);
    const { live, previous, swappedAt } = await this.#entry(view);
    if (live === build) throw new Error(`${view}: the live build is not dropped`);
    // A reader may have looked up the replaced build just before the swap.
    if (build === previous && swappedAt !== undefined)
      await delay(Math.min(Math.max(swappedAt + 2.5 * this.#ttlMs - Date.now(), 0), 2.5 * this.#ttlMs));
    await this.#registry.change(view, { building: build, sealed: live }, { $unset: { sealed: '' } });
    if (await this.#registry.change(view, { building: build }, { $unset: { building: '', lease: '', ending: '' } }))
      await this.#checkpoints.unseal(view, physicalName(view, live));
    await this.#registry.change(view, { previous: build }, { $unset: { previous: '', keepUntil: '' } });
    await this.#remove(view, build);
  }

  async snapshot(projection: Projection, builds: readonly number[]): Promise<ViewSnapshot> {
    const layout = this.#layout(projection);
    return snapshotOf(
      layout,
      await Promise.all(
        builds.map(async (build) => ({
          build,
          collection: this.#db.collection<StoredDocument>(physicalName(layout.collection, build)),
          checkpoints: await this.#checkpoints.of(layout.collection, physicalName(layout.collection, build)),
        })),
      ),
      this.#calls,
    );
  }

  onAdvance(collection: string, listener: () => void): () => void {
    return this.#advances.listen(collection, listener);
  }

  #layout(projection: Projection): Layout {
    let layout = this.#layouts.get(projection);
    if (layout === undefined) this.#layouts.set(projection, (layout = layoutOf(projection)));
    return layout;
  }

  #decodedOf(physical: string, keep: number): Decoded {
    let decoded = this.#decoded.get(physical);
    if (decoded === undefined)
      this.#decoded.set(physical, (decoded = new Decoded(keep, (kept) => this.looked?.(kept))));
    return decoded;
  }

  async #entry(view: string): Promise<Registered> {
    const { entry } = await this.#registry.fresh(view);
    if (entry === undefined) throw new EngineUnavailable(`${view}: the view is not there`);
    return entry;
  }

  async #collection(layout: Layout, build: Build): Promise<Collection<StoredDocument>> {
    const number = build === 'live' ? (await this.#registry.lookup(layout.collection)).entry?.live : build;
    if (number === undefined) throw new EngineUnavailable(`${layout.collection}: the view is not there`);
    return this.#db.collection<StoredDocument>(physicalName(layout.collection, number));
  }

  /**
   * A read of the live build. If it took so long that the build may have been dropped, and the build was replaced, the
   * read is repeated.
   */
  async #reading<T>(layout: Layout, none: T, work: (collection: Collection<StoredDocument>) => Promise<T>): Promise<T> {
    for (;;) {
      const { entry, at } = await this.#registry.lookup(layout.collection);
      if (entry === undefined) return none;
      const collection = this.#db.collection<StoredDocument>(physicalName(layout.collection, entry.live));
      const result = await this.#calls.asking(layout.collection, () => work(collection));
      if (
        performance.now() - at < 2 * this.#ttlMs ||
        (await this.#registry.fresh(layout.collection)).entry?.live === entry.live
      )
        return result;
    }
  }
}
