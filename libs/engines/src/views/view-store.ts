import { EventEmitter } from 'node:events';
import { setTimeout as delay } from 'node:timers/promises';
import { EngineUnavailable, type TopicPartition } from '../log/index.ts';
import type { Extracts, ExtractsOptions } from './extracts.ts';
import {
  collectionName,
  type DocumentVersion,
  type IdSet,
  type KnownDocument,
  type Projection,
  type ReadWhile,
  type Scalar,
  type ViewDocument,
} from './projection.ts';
import {
  type CountPlan,
  definitionOf,
  type IdsPlan,
  type LoadPlan,
  planLoad,
  type QueryPlan,
  type ValuesPlan,
} from './query.ts';
import type { Advance, Build, Checkpoint, Expected, StoredPart, ViewOp, WholeDocument } from './store.ts';

/** The state of a view in the registry of an engine. */
export interface Registered extends Builds {
  readonly definition: string;
  /** The highest build number so far. */
  readonly last: number;
  /** When `live` was swapped in, ms of the clock of the engine. */
  readonly swappedAt?: number | undefined;
  /** `until`: ms of the clock of the engine. */
  readonly lease?: { readonly holder: string; readonly until: number } | undefined;
  /** The sealed live build, whose checkpoints do not move while its successor is swapped in. */
  readonly sealed?: number | undefined;
  /** The live build that will be replaced. Until the swap no process uses a cached answer. */
  readonly ending?: number | undefined;
}
/** The builds of a view in the registry. `ensure` drops any other build, because a crash left it. */
export interface Builds {
  readonly live: number;
  /** An unfinished rebuild or rollback. The holder of its lease works on it. */
  readonly building?: number | undefined;
  /** The build that the live one replaced, kept until `keepUntil` (ms since the epoch) for `rollback`. */
  readonly previous?: number | undefined;
  readonly keepUntil?: number | undefined;
}
/** A checkpoint that this process has saved. */
export interface Saved {
  /** Whether its build is the live one as far as this process knows. A replaced build is sealed, so it saves none. */
  readonly isLive: boolean;
  readonly checkpoint: Checkpoint;
}
/** The next state of a view, or undefined if this state does not allow the change. */
export type Change = (entry: Registered) => Registered | undefined;

/** Fields that a swap and the end of a rebuild remove. */
const WORK = { building: undefined, lease: undefined, sealed: undefined, ending: undefined };

/**
 * The internal port of an engine for views, which readers and the projection runner use. An adapter passes
 * `viewsContract`. It needs no multi-document transactions, because an operation is conditional for one part of one
 * document, and the checkpoint is written after the documents. An engine stores documents, checkpoints, and the
 * registry of builds with one compare-and-set. The steps of builds are here, for every engine
 * ([ADR 0074](../../../../docs/adr/0074-versions-and-builds.md)).
 */
export abstract class ViewStore {
  /** Events by collection: this process saved a checkpoint, or swapped builds. */
  protected readonly advances = new EventEmitter().setMaxListeners(0);
  /** Views whose live build this process has sealed. Its swap fails if another process has lifted the seal. */
  readonly #sealed = new Set<string>();
  /** Views whose swap this process has announced, after every reader knows of it. */
  readonly #ending = new Map<string, number>();
  /** Called for each use of the cache of decoded documents (`Projection.keepDecoded`), with whether it was a hit. */
  looked: ((kept: boolean) => void) | undefined;

  /**
   * Whether other processes write the store too. Then positions must be polled, and a write may be lost at the server.
   */
  abstract readonly shared: boolean;
  /**
   * Changes when the engine may have lost acknowledged writes, because a connection was lost or the primary changed.
   * Constant in a store of one process.
   */
  abstract incarnation(): number;
  /** A cache of what readers compute from documents; undefined if the engine has none. */
  extracts(_options: ExtractsOptions): Extracts | undefined {
    return undefined;
  }
  /** See `ViewReader.generation`. */
  abstract generation(projection: Projection): number | undefined;
  /** See `ViewReader.kept`. */
  abstract kept(projection: Projection, id: string): ViewDocument | undefined;
  /** See `ViewReader.remembered`. */
  remembered(projection: Projection, id: string, _withinMs: number): ViewDocument | undefined {
    return this.kept(projection, id);
  }
  abstract close(): void | Promise<void>;

  abstract parts(
    projection: Projection,
    build: number,
    part: string,
    ids: readonly string[],
  ): Promise<ReadonlyMap<string, StoredPart>>;
  /**
   * Applies operations, at most one for each document, then saves the checkpoint if no operation was refused for its
   * `base`. Returns the ids of refused operations; an operation that is not newer is dropped. A checkpoint is never
   * more durable than its documents. Throws CheckpointMoved unless the stored checkpoint is at `from` and the build is
   * not sealed. So a writer that was overtaken neither sets the checkpoint back nor moves it over missing documents.
   * With `incarnation`, it also throws after a change of the engine, which may have lost the parts that were read or
   * written.
   */
  abstract apply(
    projection: Projection,
    build: number,
    ops: readonly ViewOp[],
    checkpoint?: Advance,
    incarnation?: number,
  ): Promise<readonly string[]>;
  /**
   * Deletes documents of the live build with their positions. Only for documents that nobody may read any more: a
   * redelivered record would write such a document again.
   */
  abstract remove(projection: Projection, ids: readonly string[]): Promise<void>;
  abstract checkpoints(projection: Projection, build: Build): Promise<readonly Checkpoint[]>;
  /**
   * Throws CheckpointMoved unless the stored checkpoint is at `from`. In a shared store call it between `parts` and
   * `apply`. Otherwise a new version of a part that the store has partly lost would hide the lost records.
   */
  abstract verify(projection: Projection, build: number, expected: Expected): Promise<void>;

  /** These read the live build, and find nothing in a view that does not exist yet. */
  abstract getMany(
    projection: Projection,
    ids: readonly string[],
    load: LoadPlan,
  ): Promise<readonly (ViewDocument | undefined)[]>;
  /** See `ViewReader.others`. */
  async others(projection: Projection, among: IdSet, load: LoadPlan): Promise<readonly ViewDocument[]> {
    // Stores have U+FFFD in place of half of a surrogate pair, and give that back.
    const ids = new Set(among.all().map((id) => id.toWellFormed()));
    const found = await this.getMany(projection, [...ids], load);
    return found.filter((document) => document !== undefined);
  }
  /** See `ViewReader.getWhile`. The cache gives the same object while the document does not change. */
  async getWhile(
    projection: Projection,
    { projection: other, id, document }: KnownDocument,
    ids: readonly string[],
    load: LoadPlan,
  ): Promise<ReadWhile> {
    const documents = await this.getMany(projection, ids, load);
    if (document === undefined || this.kept(other, id) === document) return { documents };
    const [now] = await this.getMany(other, [id], planLoad(other));
    return now === document || documents.every((found) => found === undefined) ? { documents } : { changed: now };
  }
  abstract find(projection: Projection, plan: QueryPlan): Promise<readonly ViewDocument[]>;
  abstract having(projection: Projection, plan: ValuesPlan): Promise<readonly ViewDocument[]>;
  abstract ids(projection: Projection, plan: IdsPlan): Promise<readonly string[]>;
  abstract versions(projection: Projection, plan: IdsPlan): Promise<readonly DocumentVersion[]>;
  abstract countElements(projection: Projection, plan: CountPlan): Promise<ReadonlyMap<Scalar, number>>;
  abstract count(projection: Projection): Promise<number>;
  /** Some documents of a build behind the given id, in the order of the bytes of their ids; none at the end. */
  abstract page(projection: Projection, build: number, after: string): Promise<readonly WholeDocument[]>;

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

  /**
   * Creates missing collections and indexes, or throws EnsureError. Throws if a definition changed without its version.
   * Returns the number of the live build that it checked, because another process may swap builds meanwhile.
   */
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

  /** Undefined before the first `ensure`. Without `fresh` the answer may be a second old. */
  async builds(projection: Projection, fresh = false): Promise<Builds | undefined> {
    const entry = await this.entry(projection, fresh);
    if (entry === undefined) return undefined;
    const { live, building, previous, keepUntil, sealed, lease } = entry;
    // The builder has died, or is late. If it is this process, its swap must still fail, so `#sealed` stays.
    if (this.shared && fresh && sealed === live && (lease?.until ?? 0) <= this.now())
      await this.#liftSeal(projection, live);
    return { live, building, previous, keepUntil };
  }

  /** Starts an empty build beside the live one, and first drops an unfinished build. */
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

  /** Makes the previous build the building one; undefined if there is none or another build is unfinished. */
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

  /**
   * Takes or renews the lease on the building build; false if another holder has it, or the build is not the building
   * one. It only avoids double work; two builders of one build do no harm.
   */
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

  /**
   * Refuses checkpoints of the live build until `unseal` or the end of the builder's lease. Returns the last ones.
   */
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

  /**
   * Announces to all readers that the live build will be replaced. Resolves when no reader uses a cached answer until
   * the swap or `unseal`. Writes continue. A swap without an announcement waits as long, but with writes blocked.
   */
  async announceSwap(projection: Projection): Promise<void> {
    let live = 0;
    await this.change(projection, (entry) => ({ ...entry, ending: (live = entry.live) }));
    if (this.settleMs > 0) await delay(this.settleMs);
    this.#ending.set(collectionName(projection), live);
  }

  /**
   * Atomically makes the building build the live one for all later reads. Returns the replaced build, which stays as
   * `previous` until it is dropped.
   */
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
    this.advances.emit(view);
    return live;
  }

  /** Drops a build that is not live. Dropping the building one abandons it. */
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

  /**
   * Calls the listener after this process saved a checkpoint, or without one after a swap. Returns a function that
   * removes the listener.
   */
  onAdvance(collection: string, listener: (saved?: Saved) => void): () => void {
    this.advances.on(collection, listener);
    return () => this.advances.off(collection, listener);
  }

  async #entry(projection: Projection): Promise<Registered> {
    const entry = await this.entry(projection, true);
    if (entry === undefined) throw new EngineUnavailable(`${collectionName(projection)}: the view is not there`);
    return entry;
  }
}
