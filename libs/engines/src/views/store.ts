import type { ProgressEntry, TopicPartition } from '../log/index.ts';

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
   * The record begins the document (`TopicEvolve.begins`), so it is probably not stored yet. A store may insert it
   * before it looks for the document. Without effect on what is stored.
   */
  readonly begins?: boolean;
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

/** What a writer expects of the stored checkpoint of a partition: that it is at `from` (0: none yet). */
export interface Expected extends TopicPartition {
  readonly from: number;
}
/** The next checkpoint of a partition. It replaces the stored one only if that is as expected. */
export interface Advance extends Checkpoint, Expected {}

/** A document as a build stores it, to compare builds. */
export interface WholeDocument {
  readonly id: string;
  /** By name. A removed part has a position and no JSON. */
  readonly parts: readonly {
    readonly part: string;
    readonly position: PartPosition;
    readonly json?: string | undefined;
    readonly bodies: readonly (Uint8Array | null | undefined)[];
  }[];
}

/**
 * Another writer moved the checkpoint, the build is sealed, or the store lost data. Read the checkpoint again and
 * continue from there.
 */
export class CheckpointMoved extends Error {
  override readonly name = 'CheckpointMoved';

  static from(view: string, { topic, partition, from }: Expected): CheckpointMoved {
    return new CheckpointMoved(`${view}: the checkpoint of ${topic}/${partition} is not at ${from} any more`);
  }

  static lost(view: string): CheckpointMoved {
    return new CheckpointMoved(`${view}: the store may have lost data`);
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

/** A build by its number, or the live build, which each call looks up. */
export type Build = 'live' | number;

export interface Digest {
  readonly count: number;
  readonly hash: string;
}
