import { setTimeout as delay } from 'node:timers/promises';
import { EngineUnavailable, type TopicPartition } from '../log/index.ts';
import { Advances } from './advances.ts';
import { collectionName, type Projection } from './projection.ts';
import { definitionOf } from './query.ts';
import type { Build, Builds, Checkpoint } from './store.ts';

/** The state of a view in the registry of an engine. */
export interface Registered {
  readonly definition: string;
  readonly live: number;
  /** The highest build number so far. */
  readonly last: number;
  readonly building?: number | undefined;
  readonly previous?: number | undefined;
  readonly keepUntil?: number | undefined;
  /** When `live` was swapped in, ms of the clock of the engine. */
  readonly swappedAt?: number | undefined;
  /** `until`: ms of the clock of the engine. */
  readonly lease?: { readonly holder: string; readonly until: number } | undefined;
  /** The sealed live build, whose checkpoints do not move while its successor is swapped in. */
  readonly sealed?: number | undefined;
  /** The live build that will be replaced. Until the swap no process uses a cached answer. */
  readonly ending?: number | undefined;
}
/** The next state of a view, or undefined if this state does not allow the change. */
export type Change = (entry: Registered) => Registered | undefined;

/** Fields that a swap and the end of a rebuild remove. */
const WORK = { building: undefined, lease: undefined, sealed: undefined, ending: undefined };

/**
 * The builds of views: which one is live, which one is being built, and which one was replaced. An engine stores the
 * registry with one compare-and-set, and creates and drops builds. The rest is here, for every engine
 * ([ADR 0074](../../../../docs/adr/0074-versions-and-builds.md)).
 */
export abstract class ViewBuilds {
  protected readonly advances = new Advances();
  /** Views whose live build this process has sealed. Its swap fails if another process has lifted the seal. */
  readonly #sealed = new Set<string>();
  /** Views whose swap this process has announced, after every reader knows of it. */
  readonly #ending = new Map<string, number>();

  abstract readonly shared: boolean;
  /** After this time no read uses an older answer of the registry, ms. */
  protected abstract readonly settleMs: number;
  /** ms, of a clock that all processes of the store share. */
  protected abstract now(): number;
  /** Without `fresh` the answer may be cached. */
  protected abstract entry(projection: Projection, fresh: boolean): Promise<Registered | undefined>;
  /** Adds an entry with its first build, unless there is one. @throws EnsureError if an administrator has to do it */
  protected abstract register(projection: Projection, entry: Registered): Promise<void>;
  /**
   * Replaces the entry by one compare-and-set, and creates the build of a new `last`. Returns false if `change` does
   * not allow it.
   */
  protected abstract change(projection: Projection, change: Change): Promise<boolean>;
  /** Creates what the live build lacks at the start, if this process may. A swap does not wait for that. */
  protected abstract complete(projection: Projection, build: number): Promise<void>;
  /** @throws EnsureError if a build lacks something */
  protected abstract check(projection: Projection, build: number): Promise<void>;
  /** The numbers of builds that have something stored. */
  protected abstract storedBuilds(projection: Projection): Promise<readonly number[]>;
  /** Drops everything of a build. */
  protected abstract erase(projection: Projection, build: number): Promise<void>;
  /** Where writes of checkpoints do not ask the registry. */
  protected abstract sealCheckpoints(
    projection: Projection,
    build: number,
    partitions: readonly TopicPartition[],
  ): Promise<void>;
  protected abstract unsealCheckpoints(projection: Projection, build: number): Promise<void>;
  abstract checkpoints(projection: Projection, build: Build): Promise<readonly Checkpoint[]>;

  async ensure(projection: Projection): Promise<number> {
    const definition = definitionOf(projection);
    if ((await this.entry(projection, true)) === undefined)
      await this.register(projection, { definition, live: 1, last: 1 });
    const entry = await this.#entry(projection);
    if (entry.definition !== definition)
      throw new Error(
        `${collectionName(projection)}: parts, indexes or bodies changed; give the projection a new version`,
      );
    await this.complete(projection, entry.live);
    await this.check(projection, entry.live);
    // Builds that a crash left behind, and builds that a late writer created again.
    for (const build of await this.storedBuilds(projection))
      if (build <= entry.last && ![entry.live, entry.building, entry.previous].includes(build))
        await this.erase(projection, build);
    return entry.live;
  }

  async builds(projection: Projection, fresh = false): Promise<Builds | undefined> {
    const entry = await this.entry(projection, fresh);
    if (entry === undefined) return undefined;
    const { live, building, previous, keepUntil, sealed, lease } = entry;
    // The builder has died, or is late. If it is this process, its swap must still fail, so `#sealed` stays.
    if (this.shared && fresh && sealed === live && (lease?.until ?? 0) <= this.now())
      await this.#liftSeal(projection, live);
    return { live, building, previous, keepUntil };
  }

  async startBuild(projection: Projection): Promise<number> {
    const first = (await this.#entry(projection)).building;
    if (first !== undefined) await this.dropBuild(projection, first);
    let build = 0;
    const begins = (entry: Registered): Registered | undefined => {
      build = entry.building ?? entry.last + 1;
      return entry.building === undefined ? { ...entry, building: build, last: build } : undefined;
    };
    // A build of another process, if there is one now. The holder of its lease continues it.
    await this.change(projection, begins);
    return build;
  }

  async reopen(projection: Projection): Promise<number | undefined> {
    const { previous } = await this.#entry(projection);
    if (previous === undefined) return undefined;
    await this.check(projection, previous);
    const reopened = await this.change(projection, (entry) =>
      entry.previous === previous && entry.building === undefined
        ? { ...entry, building: previous, previous: undefined, keepUntil: undefined }
        : undefined,
    );
    if (!reopened) return undefined;
    await this.unsealCheckpoints(projection, previous);
    return previous;
  }

  lease(projection: Projection, build: number, holder: string, ttlMs: number): Promise<boolean> {
    const now = this.now();
    return this.change(projection, (entry) => {
      const { building, lease } = entry;
      const isFree = lease === undefined || lease.holder === holder || lease.until <= now;
      return building === build && isFree ? { ...entry, lease: { holder, until: now + ttlMs } } : undefined;
    });
  }

  async release(projection: Projection, build: number, holder: string): Promise<void> {
    this.#ending.delete(collectionName(projection));
    await this.change(projection, (entry) =>
      entry.building === build && entry.lease?.holder === holder
        ? { ...entry, lease: undefined, ending: undefined }
        : undefined,
    );
  }

  async seal(projection: Projection, partitions: readonly TopicPartition[]): Promise<readonly Checkpoint[]> {
    let live = 0;
    await this.change(projection, (entry) => ({ ...entry, sealed: (live = entry.live) }));
    this.#sealed.add(collectionName(projection));
    await this.sealCheckpoints(projection, live, partitions);
    return this.checkpoints(projection, live);
  }

  async unseal(projection: Projection): Promise<void> {
    this.#sealed.delete(collectionName(projection));
    this.#ending.delete(collectionName(projection));
    await this.#liftSeal(projection, (await this.#entry(projection)).live);
  }

  /**
   * Changes the registry first. From then on the swap of the sealer fails, even while the checkpoints are still sealed.
   */
  async #liftSeal(projection: Projection, live: number): Promise<void> {
    await this.change(projection, (entry) =>
      entry.sealed === live || entry.ending === live ? { ...entry, sealed: undefined, ending: undefined } : undefined,
    );
    await this.unsealCheckpoints(projection, live);
  }

  async announceSwap(projection: Projection): Promise<void> {
    let live = 0;
    await this.change(projection, (entry) => ({ ...entry, ending: (live = entry.live) }));
    if (this.settleMs > 0) await delay(this.settleMs);
    this.#ending.set(collectionName(projection), live);
  }

  async swap(projection: Projection, build: number, keepUntil?: number): Promise<number> {
    const view = collectionName(projection);
    const { live, building } = await this.#entry(projection);
    if (building !== build) throw new Error(`${view}: build ${build} is not being built`);
    await this.check(projection, build);
    if (this.#ending.get(view) !== live) await this.announceSwap(projection);
    const sealed = this.#sealed.has(view);
    const swapped = await this.change(projection, (entry) =>
      entry.live === live && entry.building === build && entry.ending === live && (!sealed || entry.sealed === live)
        ? { ...entry, ...WORK, live: build, previous: live, swappedAt: this.now(), keepUntil }
        : undefined,
    );
    this.#sealed.delete(view);
    this.#ending.delete(view);
    if (!swapped) throw new EngineUnavailable(`${view}: the seal of the live build was lifted before the swap`);
    this.advances.announce(view);
    return live;
  }

  async dropBuild(projection: Projection, build: number): Promise<void> {
    const { live, previous, swappedAt } = await this.#entry(projection);
    if (live === build) throw new Error(`${collectionName(projection)}: the live build is not dropped`);
    // A reader may have looked up the replaced build just before the swap.
    const settledIn = (swappedAt ?? 0) + this.settleMs - this.now();
    if (build === previous && settledIn > 0) await delay(Math.min(settledIn, this.settleMs));
    if (await this.change(projection, (entry) => (entry.building === build ? { ...entry, ...WORK } : undefined)))
      await this.unsealCheckpoints(projection, live);
    await this.change(projection, (entry) =>
      entry.previous === build ? { ...entry, previous: undefined, keepUntil: undefined } : undefined,
    );
    await this.erase(projection, build);
  }

  onAdvance(collection: string, listener: () => void): () => void {
    return this.advances.listen(collection, listener);
  }

  async #entry(projection: Projection): Promise<Registered> {
    const entry = await this.entry(projection, true);
    if (entry === undefined) throw new EngineUnavailable(`${collectionName(projection)}: the view is not there`);
    return entry;
  }
}
