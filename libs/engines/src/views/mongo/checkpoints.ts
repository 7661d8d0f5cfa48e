import { randomUUID } from 'node:crypto';
import { type AnyBulkWriteOperation, type Collection, type Db, MongoBulkWriteError } from 'mongodb';
import { EngineUnavailable, type TopicPartition } from '../../log/index.ts';
import { isDuplicate } from '../../mongo/faults.ts';
import { type Advance, type Checkpoint, CheckpointMoved, type Expected } from '../store.ts';
import type { Calls } from './faults.ts';

/** One document per (build, topic, partition) in collection `view_checkpoints`. */
interface StoredCheckpoint extends Checkpoint {
  readonly _id: string;
  readonly build: string;
  /** Set from the replacement of the build on. No writer may move the checkpoint then. */
  readonly sealed?: true;
  /** The command that moved the checkpoint, if it moved several. */
  readonly by?: string;
}

const idOf = (build: string, topic: string, partition: number): string => `${build}/${topic}/${partition}`;

interface Save {
  readonly view: string;
  readonly build: string;
  readonly checkpoint: Advance;
  /** When the next command goes at the latest. */
  readonly due: number;
  resolve(): void;
  reject(error: Error): void;
}

/**
 * How long a checkpoint waits for those of other batches, ms. The views of a process get the same records at the same
 * time, and many of them have nothing to write.
 */
const TOGETHER_MS = 3;
/** Most checkpoints of one command. */
const MOST = 100;

const idOfSave = ({ build, checkpoint: { topic, partition } }: Save): string => idOf(build, topic, partition);

/** `by`: names the command. */
function toUpdate(save: Save, by: string | undefined): AnyBulkWriteOperation<StoredCheckpoint> {
  const { from, ...fields } = save.checkpoint;
  const filter = { _id: idOfSave(save), next: from, sealed: { $exists: false } };
  const set = { build: save.build, ...fields, ...(by !== undefined && { by }) };
  return { updateOne: { filter, update: { $set: set }, upsert: from === 0 } };
}

const notAcknowledged = (): EngineUnavailable =>
  new EngineUnavailable('the view store is away (a checkpoint was not acknowledged by a majority)');

/** Checkpoints of builds, by the name of their collection. */
export class Checkpoints {
  /** Checkpoints that wait for the next command. One command is under way at a time. */
  readonly #waiting: Save[] = [];
  #writing = false;
  #timer: NodeJS.Timeout | undefined;
  readonly #collection: Collection<StoredCheckpoint>;
  readonly #calls: Calls;

  constructor(db: Db, calls: Calls) {
    this.#collection = db.collection<StoredCheckpoint>('view_checkpoints');
    this.#calls = calls;
  }

  /** The index only saves a scan of a few thousand documents, so a missing one is created and never required. */
  async createIndex(view: string): Promise<void> {
    await this.#calls.calling(view, () => this.#collection.createIndex({ build: 1 }, { name: 'by_build' }));
  }

  /** `moving`: the build has checkpoints and none is sealed, so no other build has replaced it. */
  async read(
    view: string,
    build: string,
  ): Promise<{ readonly checkpoints: readonly Checkpoint[]; readonly moving: boolean }> {
    const found = await this.#calls.asking(view, () => this.#collection.find({ build }, { batchSize: 5000 }).toArray());
    return {
      checkpoints: found.map(({ topic, partition, next, progress }) => ({ topic, partition, next, progress })),
      moving: found.length > 0 && !found.some(({ sealed }) => sealed),
    };
  }

  async verify(view: string, build: string, expected: Expected): Promise<void> {
    const { topic, partition, from } = expected;
    const found = await this.#calls.asking(view, () =>
      this.#collection.findOne({ _id: idOf(build, topic, partition) }, { projection: { next: 1 } }),
    );
    if ((found?.next ?? 0) !== from) throw CheckpointMoved.from(view, expected);
  }

  /**
   * Throws CheckpointMoved unless the stored checkpoint is at `from` and not sealed. Checkpoints that are saved at the
   * same time go in one command. Each succeeds or fails alone.
   * @param waitMs how long this one may wait for others
   */
  save(view: string, build: string, checkpoint: Advance, waitMs = 0): Promise<void> {
    const { promise, resolve, reject } = Promise.withResolvers<void>();
    const due = performance.now() + Math.max(waitMs, TOGETHER_MS);
    this.#waiting.push({ view, build, checkpoint, due, resolve, reject });
    this.#offer();
    return promise;
  }

  #offer(): void {
    if (this.#writing || this.#waiting.length === 0) return;
    if (this.#waiting.length >= MOST) return this.#write();
    clearTimeout(this.#timer);
    const due = Math.min(...this.#waiting.map((save) => save.due));
    this.#timer = setTimeout(() => this.#write(), Math.max(0, due - performance.now()));
  }

  #write(): void {
    clearTimeout(this.#timer);
    this.#timer = undefined;
    if (this.#writing || this.#waiting.length === 0) return;
    const saves = this.#waiting.splice(0, MOST);
    this.#writing = true;
    this.#saved(saves)
      .then(
        (moved) => {
          for (const save of saves)
            if (moved.has(save)) save.reject(CheckpointMoved.from(save.view, save.checkpoint));
            else save.resolve();
        },
        (error: unknown) => {
          for (const { reject } of saves) reject(error as Error);
        },
      )
      .finally(() => {
        this.#writing = false;
        this.#offer();
      });
  }

  /** The saves whose checkpoints have moved. */
  async #saved(saves: readonly Save[]): Promise<ReadonlySet<Save>> {
    const { view } = saves[0]!;
    const by = saves.length > 1 ? randomUUID() : undefined;
    const done = await this.#calls.calling(view, async () => {
      try {
        const result = await this.#collection.bulkWrite(
          saves.map((save) => toUpdate(save, by)),
          { ordered: false },
        );
        if (result.getWriteConcernError() !== undefined) throw notAcknowledged();
        return result.matchedCount + result.upsertedCount;
      } catch (error) {
        if (!(error instanceof MongoBulkWriteError)) throw error;
        if (error.result.getWriteConcernError() !== undefined) throw notAcknowledged();
        const failed = [error.writeErrors].flat();
        // Another writer has just created the checkpoint.
        if (failed.length > 0 && failed.every(isDuplicate)) return -1;
        throw failed[0] ?? error;
      }
    });
    if (done === saves.length) return new Set();
    if (by === undefined) return new Set(saves);
    // The answer does not say which of them had moved.
    const found = await this.#calls.asking(view, () =>
      this.#collection.find({ _id: { $in: saves.map(idOfSave) } }, { projection: { by: 1 } }).toArray(),
    );
    const moved = new Set(found.flatMap((stored) => (stored.by === by ? [stored._id] : [])));
    return new Set(saves.filter((save) => !moved.has(idOfSave(save))));
  }

  /** Creates the checkpoints that do not exist yet, so that no writer can create one behind the seal. */
  async seal(view: string, build: string, partitions: readonly TopicPartition[]): Promise<void> {
    await this.#calls.calling(view, async () => {
      if (partitions.length > 0) {
        await this.#collection.bulkWrite(
          partitions.map(({ topic, partition }) => ({
            updateOne: {
              filter: { _id: idOf(build, topic, partition) },
              update: {
                $set: { sealed: true as const },
                $setOnInsert: { build, topic, partition, next: 0, progress: [] },
              },
              upsert: true,
            },
          })),
          { ordered: false },
        );
      }
      await this.#collection.updateMany({ build }, { $set: { sealed: true } });
    });
  }

  async unseal(view: string, build: string): Promise<void> {
    await this.#calls.calling(view, () => this.#collection.updateMany({ build }, { $unset: { sealed: '' } }));
  }

  async drop(view: string, build: string): Promise<void> {
    await this.#calls.calling(view, () => this.#collection.deleteMany({ build }));
  }
}
