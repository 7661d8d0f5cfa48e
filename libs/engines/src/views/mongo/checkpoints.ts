import type { Collection, Db } from 'mongodb';
import type { TopicPartition } from '../../log/index.ts';
import { isDuplicate } from '../../mongo/faults.ts';
import { type Advance, type Checkpoint, CheckpointMoved, type Expected } from '../store.ts';
import type { Calls } from './faults.ts';

/** One document per (build, topic, partition) in collection `view_checkpoints`. */
interface StoredCheckpoint extends Checkpoint {
  readonly _id: string;
  readonly build: string;
  /** Set from the replacement of the build on. No writer may move the checkpoint then. */
  readonly sealed?: true;
}

const idOf = (build: string, topic: string, partition: number): string => `${build}/${topic}/${partition}`;

/** Checkpoints of builds, by the name of their collection. */
export class Checkpoints {
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

  /** Throws CheckpointMoved unless the stored checkpoint is at `from` and not sealed. */
  async save(view: string, build: string, checkpoint: Advance): Promise<void> {
    const { from, ...fields } = checkpoint;
    const filter = { _id: idOf(build, fields.topic, fields.partition), next: from, sealed: { $exists: false } };
    const saved = await this.#calls.calling(view, async () => {
      try {
        const result = await this.#collection.updateOne(filter, { $set: { build, ...fields } }, { upsert: from === 0 });
        return result.matchedCount + result.upsertedCount === 1;
      } catch (error) {
        if (isDuplicate(error)) return false;
        throw error;
      }
    });
    if (!saved) throw CheckpointMoved.from(view, checkpoint);
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
