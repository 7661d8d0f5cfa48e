import type { Position } from '@provider-access/eventlog';
import type { FindQuery, Projection, ViewDocument } from './port.ts';

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
}

/** Where the view stands in one partition of one of its topics; `progress` is what it heard of derivers there. */
export interface Checkpoint {
  readonly topic: string;
  readonly partition: number;
  /** Next offset to handle. */
  readonly next: number;
  readonly progress: readonly ProgressEntry[];
}

/** A deriver has handled its inbound partition up to `next`; holds once the view has passed `after`. */
export interface ProgressEntry {
  readonly deriver: string;
  readonly topic: string;
  readonly partition: number;
  readonly next: number;
  readonly after?: Readonly<Record<string, Readonly<Record<string, number>>>>;
}

/** A physical collection of a view: `live` is looked up at each call, a number names one build. */
export type Build = 'live' | number;

export interface Digest { readonly count: number; readonly hash: string }

/** Both builds as they were at one moment, while writing goes on. */
export interface ViewSnapshot {
  readonly positions: (build: number) => Position;
  /** Count and order-independent hash of documents, positions left out. */
  digest(build: number): Promise<Digest>;
  close(): void;
}

export interface ViewStore {
  /** Creates collection and indexes where they are missing. Throws when a definition changed without its version. */
  ensure(projection: Projection): Promise<void>;
  /** Undefined before the first `ensure`. */
  builds(projection: Projection): Promise<{ readonly live: number; readonly building?: number } | undefined>;
  parts(projection: Projection, build: Build, part: string, ids: readonly string[]): Promise<ReadonlyMap<string, StoredPart>>;
  /**
   * Applies operations, then the checkpoint (only when no operation was refused for its `base`). Ids refused for their
   * base are returned; an operation that is not newer is dropped without a word. A checkpoint never survives documents that did not.
   */
  apply(projection: Projection, build: Build, ops: readonly ViewOp[], checkpoint?: Checkpoint): Promise<readonly string[]>;
  checkpoints(projection: Projection, build: Build): Promise<readonly Checkpoint[]>;

  getMany(projection: Projection, ids: readonly string[], bodies: readonly string[]): Promise<readonly (ViewDocument | undefined)[]>;
  find(projection: Projection, query: FindQuery): Promise<readonly ViewDocument[]>;
  count(projection: Projection, build: Build): Promise<number>;

  /** An empty build beside the live one; one that was left half-built is dropped first. */
  startBuild(projection: Projection): Promise<number>;
  /** Makes a build the live one, atomically. Returns the build it replaces, which is kept until dropped. */
  swap(projection: Projection, build: number): Promise<number>;
  dropBuild(projection: Projection, build: number): Promise<void>;
  snapshot(projection: Projection, builds: readonly number[]): Promise<ViewSnapshot>;

  /** Called after a checkpoint of the collection was saved by this process. Returns how to stop listening. */
  onAdvance(collection: string, listener: () => void): () => void;
}
