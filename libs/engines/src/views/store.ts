import type { Position, ProgressEntry } from '@provider-access/engines/log';
import type { FindQuery, Projection, ViewDocument } from './projection.ts';

/**
 * What an engine must do for views: the internal port behind readers and the projection runner. An adapter passes
 * `viewsContract`. Nothing here needs multi-document transactions: an operation is conditional for one part of one
 * document, and the checkpoint is written after the documents.
 */

/** Offset of the last record that wrote the part, by partition of the part's topic. */
export type PartPosition = Readonly<Record<string, number>>;

export interface StoredPart {
  /** null: the part was removed; its position stays, so that an older record cannot bring it back. */
  readonly value: unknown;
  readonly position: PartPosition;
}

/** One part of one document. Applied only when `offset` is newer than what the part has of `partition`. */
export interface ViewOp {
  readonly id: string;
  readonly part: string;
  readonly partition: number;
  readonly offset: number;
  /** null removes the part. Bodies are fields of it, as bytes or text. */
  readonly value: unknown;
  /**
   * The position of the part that the value was computed from ({} for a part that was not there). When the part has
   * moved since, the operation is refused. Absent for blind writes.
   */
  readonly base?: PartPosition;
  /**
   * W3C trace context of the write, if it is recorded. A store that other processes read keeps it beside the part,
   * outside of what is compared or found by, until the part is written again; `traceOf` gives it back.
   */
  readonly trace?: string;
}

/** Where the view stands in one partition of one of its topics; `progress` is what it heard of derivers there. */
export interface Checkpoint {
  readonly topic: string;
  readonly partition: number;
  /** Next offset to handle. */
  readonly next: number;
  readonly progress: readonly ProgressEntry[];
}

/**
 * Another writer moved the checkpoint, the build is sealed, or the store lost what it had: read it again and go on from
 * there.
 */
export class CheckpointMoved extends Error {
  override readonly name = 'CheckpointMoved';

  static from(view: string, topic: string, partition: number, from: number): CheckpointMoved {
    return new CheckpointMoved(`${view}: the checkpoint of ${topic}/${partition} is not at ${from} any more`);
  }
}

/**
 * A document larger than the engine holds. Nothing of its batch was checkpointed; names the view and a hash of the id.
 */
export class DocumentTooLarge extends Error {
  override readonly name = 'DocumentTooLarge';
}

/** A view is not as its projection needs it (no collection, an index missing): the service does not start. */
export class EnsureError extends Error {
  override readonly name = 'EnsureError';
}

/** What the registry knows of a view. A build that is none of these is left over and dropped by `ensure`. */
export interface Builds {
  readonly live: number;
  /** A rebuild, or a rollback that catches up. Whoever holds its lease works on it. */
  readonly building?: number;
  /** The build that the live one replaced, kept until `keepUntil` (ms since the epoch) for `rollback`. */
  readonly previous?: number;
  readonly keepUntil?: number;
}

/** A physical collection of a view: `live` is looked up at each call, a number names one build. */
export type Build = 'live' | number;

export interface Digest {
  readonly count: number;
  readonly hash: string;
}

/** Both builds as they were at one moment, while writing goes on. */
export interface ViewSnapshot {
  readonly positions: (build: number) => Position;
  /** Count and order-independent hash of documents, positions left out. */
  digest(build: number): Promise<Digest>;
  close(): void;
}

export interface ViewStore {
  /**
   * Whether other processes write it too: then positions are asked for again and again, and what was written may be
   * lost elsewhere.
   */
  readonly shared: boolean;
  /**
   * Told of each look-up of a document that may be kept decoded (`Projection.keepDecoded`), whether it was. Absent
   * where none are kept.
   */
  looked?: ((kept: boolean) => void) | undefined;
  /**
   * Another number whenever the engine may have forgotten what it acknowledged: a connection was lost, another server
   * is primary. Always the same in a store of one process.
   */
  incarnation(): number;
  /**
   * Creates collection and indexes where they are missing, or throws EnsureError. Throws when a definition changed
   * without its version. Answers the number of the live build that it looked at: another process may have swapped in
   * the next one meanwhile.
   */
  ensure(projection: Projection): Promise<number>;
  /** Undefined before the first `ensure`. `fresh` asks the engine, else an answer may be as old as a second. */
  builds(projection: Projection, fresh?: boolean): Promise<Builds | undefined>;
  parts(
    projection: Projection,
    build: Build,
    part: string,
    ids: readonly string[],
  ): Promise<ReadonlyMap<string, StoredPart>>;
  /**
   * Applies operations, then the checkpoint (only when no operation was refused for its `base`). Ids refused for their
   * base are returned; an operation that is not newer is dropped without a word. A checkpoint never survives documents
   * that did not. With `from` the checkpoint is saved only where the stored one stands there (0: none yet) and the
   * build is not sealed, else CheckpointMoved: a writer that was overtaken neither sets it back nor carries it over
   * what was not written. With `incarnation` it is not saved either when the engine is another by then: what was read
   * before, or just written, may be gone.
   */
  apply(
    projection: Projection,
    build: Build,
    ops: readonly ViewOp[],
    checkpoint?: Checkpoint,
    from?: number,
    incarnation?: number,
  ): Promise<readonly string[]>;
  checkpoints(projection: Projection, build: Build): Promise<readonly Checkpoint[]>;
  /**
   * CheckpointMoved unless the stored checkpoint stands at `from`. In a shared store asked after `parts` and before
   * `apply`: parts that the store has forgotten something of must not be carried on from, or the records in between
   * would count as seen.
   */
  verify(projection: Projection, build: Build, topic: string, partition: number, from: number): Promise<void>;

  getMany(
    projection: Projection,
    ids: readonly string[],
    bodies: readonly string[],
  ): Promise<readonly (ViewDocument | undefined)[]>;
  find(projection: Projection, query: FindQuery): Promise<readonly ViewDocument[]>;
  count(projection: Projection, build: Build): Promise<number>;

  /** An empty build beside the live one; one that was left half-built is dropped first. */
  startBuild(projection: Projection): Promise<number>;
  /** Makes the kept previous build the building one; undefined when none is kept or another is being built. */
  reopen(projection: Projection): Promise<number | undefined>;
  /**
   * Takes or renews the lease on the building build; false when another holder has it, or the build is not being built
   * any more. It spares double work only: two builders of one build do no harm.
   */
  lease(projection: Projection, build: number, holder: string, ttlMs: number): Promise<boolean>;
  release(projection: Projection, build: number, holder: string): Promise<void>;
  /**
   * No conditional checkpoint of the live build is saved from here on, until `unseal` or a lease of the builder that
   * ran out. Gives the last ones.
   */
  seal(
    projection: Projection,
    partitions: readonly { readonly topic: string; readonly partition: number }[],
  ): Promise<readonly Checkpoint[]>;
  unseal(projection: Projection): Promise<void>;
  /**
   * Tells every reader that the live build will be replaced, and resolves when none goes by what it remembers any more,
   * until the swap or `unseal`. Writing goes on. A swap without it waits as long while nothing can be written.
   */
  announceSwap(projection: Projection): Promise<void>;
  /**
   * Makes the building build the live one, atomically and for every read that begins after. Returns the build it
   * replaces, which is kept as `previous` until dropped.
   */
  swap(projection: Projection, build: number, keepUntil?: number): Promise<number>;
  /** Drops a build that is not live (the building one: it is given up). */
  dropBuild(projection: Projection, build: number): Promise<void>;
  snapshot(projection: Projection, builds: readonly number[]): Promise<ViewSnapshot>;

  /** Called after a checkpoint of the collection was saved by this process. Returns how to stop listening. */
  onAdvance(collection: string, listener: () => void): () => void;
}
