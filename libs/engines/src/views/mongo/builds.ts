import type { Collection, Db, MongoClient } from 'mongodb';
import type { TopicPartition } from '../../log/index.ts';
import { physicalName } from '../encoding.ts';
import { collectionName, type Projection } from '../projection.ts';
import { EnsureError } from '../store.ts';
import { type Change, type Registered, ViewStore } from '../view-store.ts';
import { Checkpoints } from './checkpoints.ts';
import { Calls } from './faults.ts';
import { buildIndexes, requireIndexes } from './indexes.ts';
import { type Layout, layoutOf, type StoredDocument } from './layout.ts';
import { deadlineOf, type MongoViewsOptions } from './options.ts';
import { Registry } from './registry.ts';

const physicalOf = (projection: Projection, build: number): string => physicalName(collectionName(projection), build);

/** The registry, the collections and the checkpoints of builds in MongoDB. */
export abstract class MongoBuilds extends ViewStore {
  readonly shared = true;
  protected readonly db: Db;
  protected readonly calls: Calls;
  protected readonly ttlMs: number;
  /** `MongoStore` uses an answer of the registry for 2 * `ttlMs`. */
  protected readonly settleMs: number;
  protected readonly registry: Registry;
  protected readonly stored: Checkpoints;
  readonly #applyIndexes: boolean;

  constructor(client: MongoClient, options: MongoViewsOptions) {
    super();
    this.db = client.db(options.database);
    this.calls = new Calls(deadlineOf(options));
    this.ttlMs = options.registryTtlMs ?? 1000;
    this.settleMs = 2.5 * this.ttlMs;
    this.registry = new Registry(this.db, this.ttlMs, this.calls);
    this.stored = new Checkpoints(this.db, this.calls);
    this.#applyIndexes = options.applyIndexes ?? false;
  }

  /** Other processes write too. */
  generation(): undefined {
    return undefined;
  }
  kept(): undefined {
    return undefined;
  }

  /** A build was dropped, so the caches of its collection are invalid. */
  protected abstract forget(physical: string): void;

  protected now(): number {
    return Date.now();
  }
  protected async entry(projection: Projection, fresh: boolean): Promise<Registered | undefined> {
    const view = collectionName(projection);
    return (await (fresh ? this.registry.fresh(view) : this.registry.lookup(view))).entry;
  }
  protected async register(projection: Projection, entry: Registered): Promise<void> {
    const view = collectionName(projection);
    if (!this.#applyIndexes) throw new EnsureError(`${view}: the view is not there. Create it with \`pa views apply\``);
    await this.stored.createIndex(view);
    await this.registry.insert({ _id: view, ...entry });
  }
  protected async change(projection: Projection, change: Change): Promise<boolean> {
    const layout = layoutOf(projection);
    const changed = await this.registry.change(layout.collection, change);
    if (changed === undefined) return false;
    const { before, after } = changed;
    if (after.last > before.last) await buildIndexes(this.db, layout, physicalOf(projection, after.last), this.calls);
    return true;
  }
  protected async complete(projection: Projection, build: number): Promise<void> {
    if (this.#applyIndexes)
      await buildIndexes(this.db, layoutOf(projection), physicalOf(projection, build), this.calls);
  }
  protected async check(projection: Projection, build: number): Promise<void> {
    await requireIndexes(this.db, layoutOf(projection), physicalOf(projection, build), this.calls);
  }
  protected async storedBuilds(projection: Projection): Promise<readonly number[]> {
    const view = collectionName(projection);
    const names = await this.calls.calling(view, () =>
      this.db.listCollections({ name: { $regex: `^${view}_r[0-9]+$` } }, { nameOnly: true }).toArray(),
    );
    return names.map(({ name }) => Number(name.slice(view.length + 2)));
  }
  protected async erase(projection: Projection, build: number): Promise<void> {
    const [view, physical] = [collectionName(projection), physicalOf(projection, build)];
    this.forget(physical);
    await this.calls.calling(view, () => this.db.collection(physical).drop());
    await this.stored.drop(view, physical);
  }
  protected sealCheckpoints(
    projection: Projection,
    build: number,
    partitions: readonly TopicPartition[],
  ): Promise<void> {
    return this.stored.seal(collectionName(projection), physicalOf(projection, build), partitions);
  }
  protected unsealCheckpoints(projection: Projection, build: number): Promise<void> {
    return this.stored.unseal(collectionName(projection), physicalOf(projection, build));
  }

  protected collection(layout: Layout, build: number): Collection<StoredDocument> {
    return this.db.collection<StoredDocument>(physicalName(layout.collection, build));
  }
}
