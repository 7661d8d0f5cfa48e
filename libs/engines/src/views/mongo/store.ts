import type { Collection, MongoClient } from 'mongodb';
import { decoderOf, physicalName } from '../encoding.ts';
import { collectionName, type FindQuery, type IdsQuery, type Projection, type ViewDocument } from '../projection.ts';
import { planIds, planQuery } from '../query.ts';
import {
  type Build,
  type Checkpoint,
  CheckpointMoved,
  type StoredPart,
  type ViewOp,
  type ViewSnapshot,
  type ViewStore,
} from '../store.ts';
import { MongoBuilds } from './builds.ts';
import { Decoded } from './decoded.ts';
import { Incarnation } from './incarnation.ts';
import { requireIndexes } from './indexes.ts';
import {
  decode,
  decodeIndexed,
  indexedProjection,
  type Layout,
  layoutOf,
  positionOf,
  removedOf,
  type StoredDocument,
  wholeProjection,
} from './layout.ts';
import type { MongoViewsOptions } from './options.ts';
import { byBytes, idFiltersOf, queriesOf } from './queries.ts';
import { snapshotOf } from './snapshot.ts';
import { writeOps } from './writes.ts';

/** How long a build without checkpoints counts as the live one. */
const UNMOVED_MS = 30_000;

/**
 * Views in MongoDB, for several processes. Each write is conditional and changes one document, without a transaction.
 */
export class MongoStore extends MongoBuilds implements ViewStore {
  looked: ((kept: boolean) => void) | undefined;
  readonly #client: MongoClient;
  readonly #incarnation: Incarnation;
  readonly #decoded = new Map<string, Decoded>();
  /** Builds that had a checkpoint when this process last read it. */
  readonly #moved = new Set<string>();
  /** Builds whose declared indexes this process has checked. It checks a view of another service at the first query. */
  readonly #indexed = new Set<string>();

  constructor(client: MongoClient, options: MongoViewsOptions) {
    super(client, options);
    this.#client = client;
    this.#incarnation = new Incarnation(client);
  }

  incarnation(): number {
    return this.#incarnation.number;
  }

  close(): Promise<void> {
    return this.#client.close();
  }

  async parts(
    projection: Projection,
    build: Build,
    part: string,
    ids: readonly string[],
  ): Promise<ReadonlyMap<string, StoredPart>> {
    const layout = layoutOf(projection);
    const collection = await this.collection(layout, build);
    const bodies = (projection.bodies ?? []).filter((b) => b.startsWith(`${part}.`));
    const fields = { [`_d.${part}`]: 1, [`_p.${part}`]: 1, ...Object.fromEntries(bodies.map((b) => [`_b.${b}`, 1])) };
    const found = await this.calls.asking(layout.collection, () =>
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
    const layout = layoutOf(projection);
    const collection = await this.collection(layout, build);
    const refused = ops.length === 0 ? [] : await writeOps(collection, layout, ops, this.calls);
    if (checkpoint !== undefined && refused.length === 0) {
      if (incarnation !== undefined && incarnation !== this.incarnation())
        throw new CheckpointMoved(`${layout.collection}: the store may have lost data`);
      await this.stored.save(layout.collection, collection.collectionName, checkpoint, from);
      this.advances.announce(layout.collection);
    }
    return refused;
  }

  async remove(projection: Projection, ids: readonly string[]): Promise<void> {
    if (ids.length === 0) return;
    const layout = layoutOf(projection);
    const collection = await this.collection(layout, 'live');
    await this.calls.calling(layout.collection, () => collection.deleteMany({ _id: { $in: [...ids] } }));
  }

  async checkpoints(projection: Projection, build: Build): Promise<readonly Checkpoint[]> {
    const view = collectionName(projection);
    if (build !== 'live') return this.stored.of(view, physicalName(view, build));
    // A build is sealed before another one replaces it. So a build whose checkpoints move is still live, however old
    // the cached answer is. A build without checkpoints needs rarer checks, because any empty build has the position 0.
    const { entry, at } = this.registry.remembered(view) ?? { entry: undefined, at: 0 };
    if (entry !== undefined) {
      const { checkpoints, moving } = await this.stored.read(view, physicalName(view, entry.live));
      if (moving) this.#moved.add(physicalName(view, entry.live));
      if (
        moving ||
        (checkpoints.length === 0 &&
          !this.#moved.has(physicalName(view, entry.live)) &&
          performance.now() - at < UNMOVED_MS)
      )
        return checkpoints;
    }
    const live = (await this.registry.fresh(view)).entry?.live;
    return live === undefined ? [] : this.stored.of(view, physicalName(view, live));
  }

  async verify(projection: Projection, build: Build, topic: string, partition: number, from: number): Promise<void> {
    const layout = layoutOf(projection);
    await this.stored.verify(
      layout.collection,
      (await this.collection(layout, build)).collectionName,
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
    const layout = layoutOf(projection);
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
    const layout = layoutOf(projection);
    const plan = planQuery(projection, query);
    const fields = plan.indexedOnly ? indexedProjection(layout, plan.bodies) : wholeProjection(plan.bodies);
    return this.#reading(layout, [], async (collection) => {
      await this.#requireIndexes(layout, collection);
      const found: StoredDocument[] = [];
      for (const { filter, sort } of queriesOf(plan)) {
        const limit = plan.limit - found.length;
        if (limit === 0) break;
        found.push(...(await collection.find(filter, { sort, limit, batchSize: limit, projection: fields }).toArray()));
      }
      const decodePart = decoderOf(plan);
      return found.map((d) => (plan.indexedOnly ? decodeIndexed(layout, d) : decode(layout, d, decodePart)!));
    });
  }

  async ids(projection: Projection, query: IdsQuery): Promise<readonly string[]> {
    const layout = layoutOf(projection);
    const plan = planIds(projection, query);
    return this.#reading(layout, [], async (collection) => {
      await this.#requireIndexes(layout, collection);
      const { limit } = plan;
      const found = await Promise.all(
        idFiltersOf(plan).map((filter) =>
          collection.find(filter, { sort: { _id: 1 }, limit, batchSize: limit, projection: { _id: 1 } }).toArray(),
        ),
      );
      if (found.length === 1) return found[0]!.map(({ _id }) => _id);
      return [...new Set(found.flat().map(({ _id }) => _id))].toSorted(byBytes).slice(0, limit);
    });
  }

  async #requireIndexes(layout: Layout, { collectionName: name }: Collection<StoredDocument>): Promise<void> {
    if (this.#indexed.has(name)) return;
    await requireIndexes(this.db, layout, name, this.calls);
    this.#indexed.add(name);
  }

  /**
   * The count in the collection's metadata minus the removed documents. After a crash of mongod it is inexact for a
   * while.
   */
  async count(projection: Projection, build: Build): Promise<number> {
    const layout = layoutOf(projection);
    const count = async (collection: Collection<StoredDocument>): Promise<number> =>
      (await collection.estimatedDocumentCount()) - (await collection.countDocuments(removedOf(layout)));
    if (build === 'live') return this.#reading(layout, 0, count);
    const collection = await this.collection(layout, build);
    return this.calls.asking(layout.collection, () => count(collection));
  }

  async snapshot(projection: Projection, builds: readonly number[]): Promise<ViewSnapshot> {
    const layout = layoutOf(projection);
    return snapshotOf(
      layout,
      await Promise.all(
        builds.map(async (build) => ({
          build,
          collection: this.db.collection<StoredDocument>(physicalName(layout.collection, build)),
          checkpoints: await this.stored.of(layout.collection, physicalName(layout.collection, build)),
        })),
      ),
      this.calls,
    );
  }

  protected forget(physical: string): void {
    for (const known of [this.#decoded, this.#indexed, this.#moved]) known.delete(physical);
  }

  #decodedOf(physical: string, keep: number): Decoded {
    let decoded = this.#decoded.get(physical);
    if (decoded === undefined)
      this.#decoded.set(physical, (decoded = new Decoded(keep, (kept) => this.looked?.(kept))));
    return decoded;
  }

  /**
   * A read of the live build. If it took so long that the build may have been dropped, and the build was replaced, the
   * read is repeated.
   */
  async #reading<T>(layout: Layout, none: T, work: (collection: Collection<StoredDocument>) => Promise<T>): Promise<T> {
    for (;;) {
      const { entry, at } = await this.registry.lookup(layout.collection);
      if (entry === undefined) return none;
      const collection = this.db.collection<StoredDocument>(physicalName(layout.collection, entry.live));
      const result = await this.calls.asking(layout.collection, () => work(collection));
      if (
        performance.now() - at < 2 * this.ttlMs ||
        (await this.registry.fresh(layout.collection)).entry?.live === entry.live
      )
        return result;
    }
  }
}
