import { setImmediate as nextTurn } from 'node:timers/promises';
import {
  type Batch,
  EngineUnavailable,
  type EventLog,
  type LogRecord,
  type Position,
  positionOf,
  type ProgressEntry,
  settledProgress,
  type TopicPartition,
} from '../log/index.ts';
import { encodePart } from './encoding.ts';
import { evolveBatch, type Failing } from './evolve.ts';
import { collectionName, type Projection } from './projection.ts';
import { topicPosition } from './progress.ts';
import {
  type Advance,
  type Checkpoint,
  CheckpointMoved,
  DocumentTooLarge,
  type StoredPart,
  type ViewOp,
} from './store.ts';
import type { ViewStore } from './view-store.ts';

/** A logger as pino. Messages and details must have no protected data. */
export interface ViewLogger {
  info(details: object, message: string): void;
  error(details: object, message: string): void;
}

/**
 * The projection stops at a record and tries again, because a newer version wrote the record or the view cannot even
 * pass over it.
 */
export class ProjectionStopped extends Error {
  override readonly name = 'ProjectionStopped';
}

/** The dependencies of the runner of a view and of its rebuild. */
export interface ViewContext {
  readonly log: EventLog;
  readonly store: ViewStore;
  readonly projection: Projection;
  readonly logger: ViewLogger | undefined;
  readonly maxRecords: number;
}

/** A partition whose checkpoint in the store is behind the position of this process, so the store lost data. */
export interface Lost extends TopicPartition {
  readonly until: number;
}

/** Documents that the store did not write. */
interface Refused {
  readonly ids: ReadonlySet<string>;
  /** The incarnation of the store that was asked to write them. */
  readonly incarnation: number;
}

const NONE: ReadonlyMap<string, StoredPart> = new Map();
/** With more waiting progress entries, a writer asks the store how far other processes have come. */
const WAITING = 2;

export const keyOf = (topic: string, partition: number): string => `${topic}/${partition}`;

/**
 * Writes one build of a view. It works from the checkpoints that it read or wrote last, and does not read them again
 * before each batch ([ADR 0092](../../../../docs/adr/0092-engines-asked-once.md)). It saves a checkpoint only if the
 * stored one still has that value. So another writer of the partition shows as CheckpointMoved, and the caller calls
 * `reload`. A store may have lost data if its incarnation has changed. Then the writer compares the stored checkpoint
 * before it writes documents.
 */
export class BuildWriter {
  readonly build: number;
  readonly #context: ViewContext;
  readonly #view: string;
  #checkpoints = new Map<string, Checkpoint>();
  /** All checkpoints of the build as last read, for partitions that other processes write. */
  #seen: ReadonlyMap<string, Checkpoint> = new Map();
  /** The incarnation of the store in which a checkpoint was last written or compared, by partition. */
  readonly #sureIn = new Map<string, number>();
  /** The incarnation in which all checkpoints were read. */
  #readIn: number | undefined;
  /** So many waiting progress entries are no reason to ask the store. */
  #waiting = WAITING;

  constructor(context: ViewContext, build: number) {
    this.#context = context;
    this.#view = collectionName(context.projection);
    this.build = build;
  }

  /** Reads the checkpoints from the store. Returns the partitions in which this process was ahead of the store. */
  async reload(): Promise<readonly Lost[]> {
    const before = this.#checkpoints;
    const incarnation = this.#context.store.incarnation();
    const stored = await this.#stored();
    this.#checkpoints = new Map(stored);
    this.#seen = stored;
    this.#sureIn.clear();
    this.#readIn = incarnation;
    return [...before.values()].flatMap(({ topic, partition, next }) =>
      next > this.next(topic, partition) ? [{ topic, partition, until: next }] : [],
    );
  }

  async #stored(): Promise<Map<string, Checkpoint>> {
    const checkpoints = await this.#context.store.checkpoints(this.#context.projection, this.build);
    return new Map(checkpoints.map((c) => [keyOf(c.topic, c.partition), c]));
  }

  next(topic: string, partition: number): number {
    return this.#checkpoints.get(keyOf(topic, partition))?.next ?? 0;
  }

  position(): Position {
    return topicPosition(Object.keys(this.#context.projection.topics), [...this.#checkpoints.values()]);
  }

  /**
   * Handles a batch of the log. Records between the checkpoint and the batch are read first; records before the
   * checkpoint are skipped.
   */
  async handle({ topic, partition, records }: Batch, signal: AbortSignal): Promise<void> {
    const first = records[0];
    if (first === undefined) return;
    await this.fill(topic, partition, first.offset, signal);
    const next = this.next(topic, partition);
    const news = first.offset >= next ? records : records.filter((r) => r.offset >= next);
    if (news.length > 0) await this.#process(topic, partition, news, news.at(-1)!.offset + 1);
  }

  async fillAll(goal: Position, signal: AbortSignal): Promise<void> {
    for (const topic of Object.keys(this.#context.projection.topics)) {
      for (const [partition, until] of (goal[topic] ?? []).entries()) await this.fill(topic, partition, until, signal);
    }
  }

  /** Reads the log from the checkpoint up to `until`. Skips offsets that compaction removed. */
  async fill(topic: string, partition: number, until: number, signal: AbortSignal): Promise<void> {
    while (this.next(topic, partition) < until) {
      signal.throwIfAborted();
      const records = (
        await this.#context.log.read(topic, partition, this.next(topic, partition), this.#context.maxRecords)
      ).filter((r) => r.offset < until);
      if (records.length === 0) await this.#process(topic, partition, [], until);
      else await this.#process(topic, partition, records, records.at(-1)!.offset + 1);
      await nextTurn();
    }
  }

  async #process(
    topic: string,
    partition: number,
    records: readonly LogRecord[],
    until: number,
    failing?: Failing,
  ): Promise<void> {
    const { store, projection, logger } = this.#context;
    const evolve = projection.topics[topic]!;
    let from = this.next(topic, partition);
    /** What the last attempt did not write. It wrote all other documents. */
    let refused: Refused | undefined;
    for (let attempt = 0; ; attempt++) {
      const incarnation = store.incarnation();
      // An engine that changed since may have lost those others.
      const only = refused?.incarnation === incarnation ? refused.ids : undefined;
      const { ops, progress, passedOver, stop } = await evolveBatch(
        evolve,
        { topic, partition, records },
        async (ids) => {
          const parts = ids.length === 0 ? NONE : await store.parts(projection, this.build, evolve.part, ids);
          // Also for documents that are taken for new ones: the store may have lost them, and then they begin earlier.
          await this.#verify(topic, partition, from);
          return parts;
        },
        failing,
        attempt === 0,
        only,
      );
      const next = Math.max(stop?.offset ?? until, from);
      const settled = await this.#progress(topic, partition, next, progress);
      const checkpoint: Advance = { topic, partition, from, next, progress: settled };
      let lost: readonly string[];
      try {
        lost = await store.apply(projection, this.build, ops, checkpoint, incarnation);
      } catch (error) {
        if (!this.#isOfDocument(error, ops)) throw error;
        return this.#oneByOne(topic, partition, records, until, failing, error);
      }
      if (lost.length > 0) {
        // A document that was taken for a new one exists, or another instance wrote the same part from another
        // partition: load and evolve it again.
        // A record at which the projection failed is to be found again.
        refused = stop === undefined && passedOver.length === 0 ? { ids: new Set(lost), incarnation } : undefined;
        if (attempt < 20) continue;
        throw new EngineUnavailable(`${this.#view}: ${lost.length} documents kept changing under the write`);
      }
      this.#checkpoints.set(keyOf(topic, partition), checkpoint);
      this.#sureIn.set(keyOf(topic, partition), incarnation);
      for (const { offset, sentence } of passedOver)
        logger?.error({ view: this.#view, topic, partition, offset }, `${sentence}: the view passed over it`);
      if (store.incarnation() !== incarnation && attempt < 20) {
        // The engine changed during the write of the checkpoint, so the documents before it may be lost. Parts that are
        // still there are skipped.
        from = next;
        refused = undefined;
        continue;
      }
      if (stop !== undefined) throw new ProjectionStopped(`${this.#view}: ${stop.sentence}`);
      return;
    }
  }

  /** Whether the document, and not the engine, made a write fail: it is too large, or it cannot be encoded. */
  #isOfDocument(error: unknown, ops: readonly ViewOp[]): boolean {
    if (error instanceof DocumentTooLarge) return true;
    if (error instanceof EngineUnavailable || error instanceof CheckpointMoved) return false;
    const bodies = (part: string): string[] =>
      (this.#context.projection.bodies ?? []).flatMap((path) =>
        path.startsWith(`${part}.`) ? [path.slice(part.length + 1)] : [],
      );
    return ops.some(({ part, value }) => {
      try {
        encodePart(value, bodies(part));
        return false;
      } catch {
        return true;
      }
    });
  }

  /** Finds the record whose document cannot be written, and passes over it. */
  async #oneByOne(
    topic: string,
    partition: number,
    records: readonly LogRecord[],
    until: number,
    failing: Failing | undefined,
    error: unknown,
  ): Promise<void> {
    if (records.length === 1) {
      const why =
        error instanceof DocumentTooLarge
          ? error.message
          : `${this.#view}: a document of ${topic}/${partition} at offset ${records[0]!.offset} cannot be written`;
      if (failing === 'afresh') throw new ProjectionStopped(why);
      if (failing === undefined) this.#context.logger?.error({ view: this.#view, topic, partition }, why);
      return this.#process(topic, partition, records, until, failing === undefined ? 'with-part' : 'afresh');
    }
    for (const record of records) await this.#process(topic, partition, [record], record.offset + 1);
    if (this.next(topic, partition) < until) await this.#process(topic, partition, [], until);
  }

  /**
   * Compares the stored checkpoint with the one in memory, unless the store cannot have lost data since that was read
   * or written: whatever loses data ends its connections. Throws CheckpointMoved.
   */
  async #verify(topic: string, partition: number, from: number): Promise<void> {
    const { store, projection } = this.#context;
    if (!store.shared) return;
    const incarnation = store.incarnation();
    const key = keyOf(topic, partition);
    if ((this.#sureIn.get(key) ?? this.#readIn) === incarnation) return;
    await store.verify(projection, this.build, { topic, partition, from });
    this.#sureIn.set(key, incarnation);
  }

  /**
   * The progress entries for the partition's checkpoint. Entries that hold are merged, which depends on the positions
   * of the other partitions. Other processes may have moved these since they were read. Then entries only wait longer
   * than they must, so the writer reads the positions again when several entries wait.
   */
  async #progress(
    topic: string,
    partition: number,
    next: number,
    heard: readonly ProgressEntry[],
  ): Promise<readonly ProgressEntry[]> {
    const known = this.#checkpoints.get(keyOf(topic, partition))?.progress ?? [];
    if (heard.length === 0) return known;
    const entries = [...known, ...heard];
    const settled = settledProgress(this.#ahead(topic, partition, next), entries);
    if (!this.#context.store.shared || waitingOf(settled) <= this.#waiting) return settled;
    this.#seen = await this.#stored();
    const again = settledProgress(this.#ahead(topic, partition, next), entries);
    this.#waiting = Math.max(WAITING, 2 * waitingOf(again));
    return again;
  }

  /** The position of the build as far as this process knows, with one partition at `next`. */
  #ahead(topic: string, partition: number, next: number): Position {
    const places = new Map<string, TopicPartition & { readonly next: number }>(this.#seen);
    for (const [key, checkpoint] of this.#checkpoints)
      if (checkpoint.next >= (places.get(key)?.next ?? 0)) places.set(key, checkpoint);
    places.set(keyOf(topic, partition), { topic, partition, next });
    return positionOf(places.values(), Object.keys(this.#context.projection.topics));
  }
}

const waitingOf = (entries: readonly ProgressEntry[]): number =>
  entries.reduce((count, { after }) => count + (after === undefined ? 0 : 1), 0);
