import type { Position, ProgressEntry, TopicPartition } from '../log/index.ts';
import type { FindQuery, IdsQuery, Projection, ViewDocument } from './projection.ts';

/**
 * The internal port of an engine for views, which readers and the projection runner use. An adapter passes
 * `viewsContract`. It needs no multi-document transactions, because an operation is conditional for one part of one
 * document, and the checkpoint is written after the documents.
 */

/** Offset of the last record that wrote the part, by partition of the part's topic. */
export type PartPosition = Readonly<Record<string, number>>;

export interface StoredPart {
  /** null for a removed part. Its position stays, so that an older record cannot restore the part. */
  readonly value: unknown;
  readonly position: PartPosition;
}

/** A write of one part of one document. It applies only if `offset` is newer than the part's offset of `partition`. */
export interface ViewOp {
  readonly id: string;
  readonly part: string;
  readonly partition: number;
  readonly offset: number;
  /** null removes the part. Bodies are fields of the part, as bytes or text. */
  readonly value: unknown;
  /**
   * The position of the part from which the value was computed; {} for a missing part. If the part has changed since,
   * the operation is refused. Absent for blind writes.
   */
  readonly base?: PartPosition;
  /**
   * W3C trace context of the write, if tracing records it. A shared store keeps it beside the part until the next
   * write, without effect on comparisons and indexes. `traceOf` returns it.
   */
  readonly trace?: string;
}

/** The position of the view in one partition of one of its topics, with the progress entries of that partition. */
export interface Checkpoint extends TopicPartition {
  /** Next offset to handle. */
  readonly next: number;
  readonly progress: readonly ProgressEntry[];
}

/**
 * Another writer moved the checkpoint, the build is sealed, or the store lost data. Read the checkpoint again and
 * continue from there.
 */
export class CheckpointMoved extends Error {
  override readonly name = 'CheckpointMoved';

  static from(view: string, topic: string, partition: number, from: number): CheckpointMoved {
    return new CheckpointMoved(`${view}: the checkpoint of ${topic}/${partition} is not at ${from} any more`);
  }
}

/**
 * A document is too large for the engine. Its batch has no checkpoint. The message has the view and a hash of the id.
 */
export class DocumentTooLarge extends Error {
  override readonly name = 'DocumentTooLarge';
}

/** A view lacks a collection or an index that its projection needs. The service does not start. */
export class EnsureError extends Error {
  override readonly name = 'EnsureError';
}

/** The builds of a view in the registry. `ensure` drops any other build, because a crash left it. */
export interface Builds {
  readonly live: number;
  /** An unfinished rebuild or rollback. The holder of its lease works on it. */
  readonly building?: number;
  /** The build that the live one replaced, kept until `keepUntil` (ms since the epoch) for `rollback`. */
  readonly previous?: number;
  readonly keepUntil?: number;
}

/** A build by its number, or the live build, which each call looks up. */
export type Build = 'live' | number;

export interface Digest {
  readonly count: number;
  readonly hash: string;
}

/** Both builds at one instant, while writes continue. */
export interface ViewSnapshot {
  readonly positions: (build: number) => Position;
  /** Count and order-independent hash of documents without their positions. */
  digest(build: number): Promise<Digest>;
  close(): void;
}

export interface ViewStore {
  /**
   * Whether other processes write the store too. Then positions must be polled, and a write may be lost at the server.
   */
  readonly shared: boolean;
  /** Called for each use of the cache of decoded documents (`Projection.keepDecoded`), with whether it was a hit. */
  looked?: ((kept: boolean) => void) | undefined;
  /**
   * Changes when the engine may have lost acknowledged writes, because a connection was lost or the primary changed.
   * Constant in a store of one process.
   */
  incarnation(): number;
  /**
   * Creates missing collections and indexes, or throws EnsureError. Throws if a definition changed without its version.
   * Returns the number of the live build that it checked, because another process may swap builds meanwhile.
   */
  ensure(projection: Projection): Promise<number>;
  /** Undefined before the first `ensure`. Without `fresh` the answer may be a second old. */
  builds(projection: Projection, fresh?: boolean): Promise<Builds | undefined>;
  parts(
    projection: Projection,
    build: Build,
    part: string,
    ids: readonly string[],
  ): Promise<ReadonlyMap<string, StoredPart>>;
  /**
   * Applies operations, then saves the checkpoint if no operation was refused for its `base`. Returns the ids of
   * refused operations; an operation that is not newer is dropped. A checkpoint is never more durable than its
   * documents. With `from`, throws CheckpointMoved unless the stored checkpoint has this value (0: none yet) and the
   * build is not sealed. So a writer that was overtaken neither sets the checkpoint back nor moves it over missing
   * documents. With `incarnation`, it also throws after a change of the engine, which may have lost the parts that were
   * read or written.
   */
  apply(
    projection: Projection,
    build: Build,
    ops: readonly ViewOp[],
    checkpoint?: Checkpoint,
    from?: number,
    incarnation?: number,
  ): Promise<readonly string[]>;
  /**
   * Deletes documents of the live build with their positions. Only for documents that nobody may read any more: a
   * redelivered record would write such a document again.
   */
  remove(projection: Projection, ids: readonly string[]): Promise<void>;
  checkpoints(projection: Projection, build: Build): Promise<readonly Checkpoint[]>;
  /**
   * Throws CheckpointMoved unless the stored checkpoint is at `from`. In a shared store call it between `parts` and
   * `apply`. Otherwise a new version of a part that the store has partly lost would hide the lost records.
   */
  verify(projection: Projection, build: Build, topic: string, partition: number, from: number): Promise<void>;

  getMany(
    projection: Projection,
    ids: readonly string[],
    bodies: readonly string[],
  ): Promise<readonly (ViewDocument | undefined)[]>;
  find(projection: Projection, query: FindQuery): Promise<readonly ViewDocument[]>;
  ids(projection: Projection, query: IdsQuery): Promise<readonly string[]>;
  count(projection: Projection, build: Build): Promise<number>;

  /** Starts an empty build beside the live one, and first drops an unfinished build. */
  startBuild(projection: Projection): Promise<number>;
  /** Makes the previous build the building one; undefined if there is none or another build is unfinished. */
  reopen(projection: Projection): Promise<number | undefined>;
  /**
   * Takes or renews the lease on the building build; false if another holder has it, or the build is not the building
   * one. It only avoids double work; two builders of one build do no harm.
   */
  lease(projection: Projection, build: number, holder: string, ttlMs: number): Promise<boolean>;
  release(projection: Projection, build: number, holder: string): Promise<void>;
  /**
   * Refuses conditional checkpoints of the live build until `unseal` or the end of the builder's lease. Returns the
   * last checkpoints.
   */
  seal(projection: Projection, partitions: readonly TopicPartition[]): Promise<readonly Checkpoint[]>;
  unseal(projection: Projection): Promise<void>;
  /**
   * Announces to all readers that the live build will be replaced. Resolves when no reader uses a cached answer until
   * the swap or `unseal`. Writes continue. A swap without an announcement waits as long, but with writes blocked.
   */
  announceSwap(projection: Projection): Promise<void>;
  /**
   * Atomically makes the building build the live one for all later reads. Returns the replaced build, which stays as
   * `previous` until it is dropped.
   */
  swap(projection: Projection, build: number, keepUntil?: number): Promise<number>;
  /** Drops a build that is not live. Dropping the building one abandons it. */
  dropBuild(projection: Projection, build: number): Promise<void>;
  snapshot(projection: Projection, builds: readonly number[]): Promise<ViewSnapshot>;

  /** Calls the listener after this process saved a checkpoint. Returns a function that removes the listener. */
  onAdvance(collection: string, listener: () => void): () => void;
}
