import type { Collection, Filter, MongoClient } from 'mongodb';
import { Decoded } from '../decoded.ts';
import { decoderOf, physicalName } from '../encoding.ts';
import {
  collectionName,
  type DocumentVersion,
  type KnownDocument,
  type Projection,
  type ReadWhile,
  type Scalar,
  type ViewDocument,
} from '../projection.ts';
import {
  bytesOfBodies,
  type CountPlan,
  fieldOf,
  type IdsPlan,
  isKeepable,
  type LoadPlan,
  type QueryPlan,
  type ValuesPlan,
} from '../query.ts';
import {
  type Advance,
  type Build,
  type Checkpoint,
  CheckpointMoved,
  type Expected,
  type StoredPart,
  type ViewOp,
  type WholeDocument,
} from '../store.ts';
import { MongoBuilds } from './builds.ts';
import { Incarnation } from './incarnation.ts';
import { requireIndexes } from './indexes.ts';
import {
  decode,
  type Layout,
  layoutOf,
  positionOf,
  projectionOf,
  removedOf,
  type StoredDocument,
  recordsIn,
  versionOf,
  wholeDocumentOf,
} from './layout.ts';
import type { MongoViewsOptions } from './options.ts';
import { byBytes, countFiltersOf, idFiltersOf, queriesOf } from './queries.ts';
import { SharedReads } from './shared-reads.ts';
import { Together } from './together.ts';
import { writeOps } from './writes.ts';

/** How long a build without checkpoints counts as the live one. */
const UNMOVED_MS = 30_000;
/** Documents in one command of a read by ids that ends at a number of bytes. So a page of 50 is one command. */
const BATCH = 64;
const isBounded = (bodies: readonly string[], maxBytes: number): boolean =>
  bodies.length > 0 && maxBytes < Number.POSITIVE_INFINITY;
/** Documents of a page, to compare builds. */
const PAGE = 500;

/**
 * Views in MongoDB, for several processes. Each write is conditional and changes one document, without a transaction.
 */
export class MongoStore extends MongoBuilds {
  readonly #client: MongoClient;
  readonly #incarnation: Incarnation;
  readonly #decoded = new Map<string, Decoded>();
  readonly #reads: SharedReads;
  readonly #loads = new Together<readonly string[], ReadonlyMap<string, StoredPart>>();
  readonly #writes = new Together<readonly ViewOp[], readonly string[]>();
  /** Builds that had a checkpoint when this process last read it. */
  readonly #moved = new Set<string>();
  /** Builds whose declared indexes this process has checked. It checks a view of another service at the first query. */
  readonly #indexed = new Set<string>();

  constructor(client: MongoClient, options: MongoViewsOptions) {
    super(client, options);
    this.#client = client;
    this.#incarnation = new Incarnation(client);
    this.#reads = new SharedReads(this.calls);
  }

  incarnation(): number {
    return this.#incarnation.number;
  }

  close(): Promise<void> {
    return this.#client.close();
  }

  async parts(
    projection: Projection,
    build: number,
    part: string,
    ids: readonly string[],
  ): Promise<ReadonlyMap<string, StoredPart>> {
    const layout = layoutOf(projection);
    const collection = this.collection(layout, build);
    const bodies = (projection.bodies ?? []).filter((b) => b.startsWith(`${part}.`));
    const fields = { [`_d.${part}`]: 1, [`_p.${part}`]: 1, ...Object.fromEntries(bodies.map((b) => [`_b.${b}`, 1])) };
    return this.#loads.call(`${collection.collectionName}/${part}`, ids, async (asked) => {
      const all = [...new Set(asked.flat())];
      const found = await this.calls.asking(layout.collection, () =>
        collection.find({ _id: { $in: all } }, { projection: fields, batchSize: all.length + 1 }).toArray(),
      );
      const parts = new Map(
        found.flatMap((d) =>
          d._p?.[part] === undefined
            ? []
            : [[d._id, { value: decode(layout, d)?.[part] ?? null, position: positionOf(d, part) }] as const],
        ),
      );
      if (asked.length === 1) return [parts];
      return asked.map((some) => new Map(some.flatMap((id) => (parts.has(id) ? [[id, parts.get(id)!] as const] : []))));
    });
  }

  async apply(
    projection: Projection,
    build: number,
    ops: readonly ViewOp[],
    checkpoint?: Advance,
    incarnation = this.incarnation(),
  ): Promise<readonly string[]> {
    const layout = layoutOf(projection);
    const collection = this.collection(layout, build);
    const refused =
      ops.length === 0
        ? []
        : await this.#writes.call(collection.collectionName, ops, async (asked) => {
            const found = new Set(await writeOps(collection, layout, asked.flat(), this.calls));
            return asked.map((some) => some.flatMap((op) => (found.has(op) ? [op.id] : [])));
          });
    if (checkpoint !== undefined && refused.length === 0) {
      if (incarnation !== this.incarnation()) throw CheckpointMoved.lost(layout.collection);
      await this.stored.save(layout.collection, collection.collectionName, checkpoint, projection.commitMs);
      const isLive = this.registry.remembered(layout.collection)?.entry?.live === build;
      this.advances.emit(layout.collection, { isLive, checkpoint });
    }
    return refused;
  }

  async remove(projection: Projection, ids: readonly string[]): Promise<void> {
    if (ids.length === 0) return;
    const layout = layoutOf(projection);
    const live = (await this.registry.lookup(layout.collection)).entry?.live;
    if (live === undefined) return;
    await this.calls.calling(layout.collection, () =>
      this.collection(layout, live).deleteMany({ _id: { $in: [...ids] } }),
    );
  }

  async checkpoints(projection: Projection, build: Build): Promise<readonly Checkpoint[]> {
    const view = collectionName(projection);
    if (build !== 'live') return (await this.stored.read(view, physicalName(view, build))).checkpoints;
    // A build is sealed before another one replaces it. So a build whose checkpoints move is still live, however old
    // the cached answer is. A build without checkpoints needs rarer checks, because any empty build has the position 0.
    const { entry, at } = this.registry.remembered(view) ?? { entry: undefined, at: 0 };
    if (entry !== undefined) {
      const physical = physicalName(view, entry.live);
      const { checkpoints, moving } = await this.stored.read(view, physical);
      if (moving) this.#moved.add(physical);
      const isUnmoved = checkpoints.length === 0 && !this.#moved.has(physical);
      if (moving || (isUnmoved && performance.now() - at < UNMOVED_MS)) return checkpoints;
    }
    const live = (await this.registry.fresh(view)).entry?.live;
    return live === undefined ? [] : this.checkpoints(projection, live);
  }

  verify(projection: Projection, build: number, expected: Expected): Promise<void> {
    const view = collectionName(projection);
    return this.stored.verify(view, physicalName(view, build), expected);
  }

  async getMany(
    projection: Projection,
    ids: readonly string[],
    plan: LoadPlan,
  ): Promise<readonly (ViewDocument | undefined)[]> {
    const { bodies, maxBytes, versions } = plan;
    const isKept = isKeepable(plan) && projection.keepDecoded !== undefined;
    const decodePart = decoderOf(plan);
    const none = ids.map(() => undefined);
    return this.#reading(projection, none, async (collection, layout) => {
      const decoded = isKept ? this.#decodedOf(projection, collection) : undefined;
      const began = performance.now();
      const documentOf = (stored: StoredDocument): ViewDocument | undefined => {
        if (decoded !== undefined)
          return decoded.of(stored._id, [JSON.stringify(stored._p)], () => decode(layout, stored), this.looked, began);
        const document = decode(layout, stored, decodePart);
        return document === undefined || !versions ? document : { ...document, _version: versionOf(layout, stored) };
      };
      const together = isBounded(bodies, maxBytes) ? BATCH : ids.length;
      const documents: (ViewDocument | undefined)[] = [];
      for (let at = 0, bytes = 0; at < ids.length && bytes < maxBytes; at += together) {
        const some = ids.slice(at, at + together);
        const found = await this.#reads.find({ collection, projection, plan }, some, isKept || versions);
        const byId = new Map(found.map((stored) => [stored._id, documentOf(stored)]));
        for (const document of byId.values()) bytes += bytesOfBodies(document, bodies);
        documents.push(...some.map((id) => byId.get(id)));
      }
      return documents;
    });
  }

  override remembered(projection: Projection, id: string, withinMs: number): ViewDocument | undefined {
    const view = collectionName(projection);
    const live = this.registry.remembered(view)?.entry?.live;
    return live === undefined ? undefined : this.#decoded.get(physicalName(view, live))?.seenWithin(id, withinMs);
  }

  /** The server compares, so that it sends no body if the other document has changed. */
  override async getWhile(
    projection: Projection,
    known: KnownDocument,
    ids: readonly string[],
    plan: LoadPlan,
  ): Promise<ReadWhile> {
    const none: ReadWhile = { documents: ids.map(() => undefined) };
    const { projection: otherProjection, id, document } = known;
    return this.#reading<ReadWhile>(projection, none, (collection, layout) =>
      this.#reading<ReadWhile>(otherProjection, none, async (other, otherLayout) => {
        const began = performance.now();
        const decoded = this.#decodedOf(otherProjection, other);
        // No document has the positions `false`, so a document that another build gave counts as changed.
        const expected = document && String(decoded.positionsOf(document)?.[0] ?? false);
        const rows = [...new Set(ids)].map((each) => ({ id: each, other: id, expected }));
        const found = await this.#reads.join({ collection, projection, plan }, other.collectionName, rows);
        for (const { _other } of found) {
          if (_other === true) continue;
          const now =
            _other &&
            decoded.of(_other._id, [JSON.stringify(_other._p)], () => decode(otherLayout, _other), this.looked, began);
          if (now !== document) return { changed: now ?? undefined };
        }
        if (document !== undefined && found.length > 0) decoded.seen(id, document, began);
        const decodePart = decoderOf(plan);
        const byId = new Map(found.map((stored) => [stored._id, decode(layout, stored, decodePart)]));
        return { documents: ids.map((each) => byId.get(each)) };
      }),
    );
  }

  #decodedOf(projection: Projection, { collectionName: physical }: Collection<StoredDocument>): Decoded {
    let decoded = this.#decoded.get(physical);
    if (decoded === undefined) this.#decoded.set(physical, (decoded = new Decoded(projection, recordsIn)));
    return decoded;
  }

  find(projection: Projection, plan: QueryPlan): Promise<readonly ViewDocument[]> {
    const fields = projectionOf(plan);
    return this.#reading(projection, [], async (collection, layout) => {
      await this.#requireIndexes(layout, collection);
      const found: ViewDocument[] = [];
      const decodePart = decoderOf(plan);
      let bytes = 0;
      for (const { filter, sort } of queriesOf(plan)) {
        const limit = plan.limit - found.length;
        if (limit === 0 || bytes >= plan.maxBytes) break;
        const cursor = collection.find(filter, { sort, limit, batchSize: limit, projection: fields });
        // The server ends a batch at 16 MB, and the next one is read only if the page is not full.
        for await (const stored of cursor) {
          const document = plan.fields === 'keys' ? stored : decode(layout, stored, decodePart)!;
          found.push(document);
          bytes += bytesOfBodies(document, plan.bodies);
          if (bytes >= plan.maxBytes) break;
        }
      }
      return found;
    });
  }

  having(projection: Projection, plan: ValuesPlan): Promise<readonly ViewDocument[]> {
    return this.#reading(projection, [], async (collection, layout) => {
      await this.#requireIndexes(layout, collection);
      const found = await this.#reads.having(collection, projection, plan);
      const decodePart = decoderOf(plan);
      return found.map((stored) => decode(layout, stored, decodePart)!);
    });
  }

  ids(projection: Projection, plan: IdsPlan): Promise<readonly string[]> {
    return this.#reading(projection, [], async (collection, layout) => {
      const found = await this.#found(collection, layout, plan, idFiltersOf(plan), { _id: 1 });
      return found.map(({ _id }) => _id);
    });
  }

  versions(projection: Projection, plan: IdsPlan): Promise<readonly DocumentVersion[]> {
    return this.#reading(projection, [], async (collection, layout) => {
      const found = await this.#found(collection, layout, plan, idFiltersOf(plan), { _id: 1, _p: 1 });
      return found.map((stored) => ({ id: stored._id, version: versionOf(layout, stored) }));
    });
  }

  countElements(projection: Projection, plan: CountPlan): Promise<ReadonlyMap<Scalar, number>> {
    return this.#reading<ReadonlyMap<Scalar, number>>(projection, new Map(), async (collection, layout) => {
      const first = plan.index.fields[0]!;
      const filters = countFiltersOf(plan);
      if (filters.length === 1) {
        await this.#requireIndexes(layout, collection);
        const counts = await collection
          .aggregate<{ readonly _id: Scalar; readonly n: number }>([
            { $match: filters[0]! },
            { $limit: plan.limit },
            { $group: { _id: `$${first}`, n: { $sum: 1 } } },
          ])
          .toArray();
        return new Map(counts.map(({ _id, n }) => [_id, n]));
      }
      // A document may fit several filters.
      const found = await this.#found(collection, layout, plan, filters, { _id: 1, [first]: 1 });
      const counts = new Map<Scalar, number>();
      for (const stored of found) {
        const value = fieldOf(stored, first.split('.')) as Scalar;
        counts.set(value, (counts.get(value) ?? 0) + 1);
      }
      return counts;
    });
  }

  /** Documents that fit at least one of the filters, in the order of their ids. */
  async #found(
    collection: Collection<StoredDocument>,
    layout: Layout,
    { limit }: Pick<IdsPlan, 'limit'>,
    filters: readonly Filter<StoredDocument>[],
    projection: Record<string, 1>,
  ): Promise<readonly StoredDocument[]> {
    await this.#requireIndexes(layout, collection);
    const found = await Promise.all(
      filters.map((filter) =>
        collection.find(filter, { sort: { _id: 1 }, limit, batchSize: limit, projection }).toArray(),
      ),
    );
    if (found.length === 1) return found[0]!;
    const byId = new Map(found.flat().map((stored) => [stored._id, stored]));
    return [...byId.values()].toSorted((a, b) => byBytes(a._id, b._id)).slice(0, limit);
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
  count(projection: Projection): Promise<number> {
    return this.#reading(
      projection,
      0,
      async (collection, layout) =>
        (await collection.estimatedDocumentCount()) - (await collection.countDocuments(removedOf(layout))),
    );
  }

  async page(projection: Projection, build: number, after: string): Promise<readonly WholeDocument[]> {
    const layout = layoutOf(projection);
    const fields = { _id: 1, _p: 1, _d: 1, _b: 1 };
    const found = await this.calls.asking(layout.collection, () =>
      this.collection(layout, build)
        .find({ _id: { $gt: after } }, { sort: { _id: 1 }, limit: PAGE, projection: fields })
        .toArray(),
    );
    return found.map((stored) => wholeDocumentOf(layout, stored));
  }

  protected forget(physical: string): void {
    for (const known of [this.#decoded, this.#indexed, this.#moved]) known.delete(physical);
  }

  /**
   * A read of the live build. If it took so long that the build may have been dropped, and the build was replaced, the
   * read is repeated. `none` is the answer if there is no view.
   */
  async #reading<T>(
    projection: Projection,
    none: T,
    work: (collection: Collection<StoredDocument>, layout: Layout) => Promise<T>,
  ): Promise<T> {
    const layout = layoutOf(projection);
    for (;;) {
      const { entry, at } = await this.registry.lookup(layout.collection);
      if (entry === undefined) return none;
      const collection = this.collection(layout, entry.live);
      const result = await this.calls.asking(layout.collection, () => work(collection, layout));
      if (
        performance.now() - at < 2 * this.ttlMs ||
        (await this.registry.fresh(layout.collection)).entry?.live === entry.live
      )
        return result;
    }
  }
}
