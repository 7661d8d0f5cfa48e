import type { Batch } from '../log/index.ts';
import { keyOf } from './build-writer.ts';
import { CheckpointMoved } from './store.ts';

export interface BatchTurnsOptions<W> {
  /** Runs work while no other work of the view runs. */
  exclusive<T>(work: () => Promise<T>): Promise<T>;
  /** The writer for a partition. */
  writerFor(batch: Batch): Promise<W>;
  /** Handles a batch once. Throws CheckpointMoved if the checkpoints have to be read again. */
  once(batch: Batch, writer: W): Promise<void>;
  /** Handles a batch while no other one runs, and reads the checkpoints again if they have moved. */
  alone(batch: Batch): Promise<void>;
}

interface Waiting {
  readonly batch: Batch;
  readonly answer: PromiseWithResolvers<void>;
}

/**
 * Handles the batches of a view that wait for their turn together, one for each partition. A fetch brings records of
 * several partitions, and the store then makes one command of their reads and one of their writes. A batch whose
 * checkpoint has moved is repeated alone, because the checkpoints of all partitions are read again for it.
 */
export class BatchTurns<W> {
  readonly #options: BatchTurnsOptions<W>;
  #waiting: Waiting[] = [];

  constructor(options: BatchTurnsOptions<W>) {
    this.#options = options;
  }

  handle(batch: Batch): Promise<void> {
    const answer = Promise.withResolvers<void>();
    this.#waiting.push({ batch, answer });
    if (this.#waiting.length === 1) void this.#options.exclusive(() => this.#turn());
    return answer.promise;
  }

  async #turn(): Promise<void> {
    const turn = new Map<string, Waiting>();
    const later: Waiting[] = [];
    for (const waiting of this.#waiting) {
      const key = keyOf(waiting.batch.topic, waiting.batch.partition);
      if (turn.has(key)) later.push(waiting);
      else turn.set(key, waiting);
    }
    this.#waiting = later;
    if (later.length > 0) void this.#options.exclusive(() => this.#turn());
    await this.#handle([...turn.values()]);
  }

  async #handle(turn: readonly Waiting[]): Promise<void> {
    const { writerFor, once, alone } = this.#options;
    const begun: Waiting[] = [];
    let writer: W | undefined;
    // One after the other, because each may read the checkpoints of all partitions again.
    for (const waiting of turn) {
      try {
        writer = await writerFor(waiting.batch);
        begun.push(waiting);
      } catch (error) {
        waiting.answer.reject(error as Error);
      }
    }
    const moved: Waiting[] = [];
    await Promise.all(
      begun.map((waiting) =>
        once(waiting.batch, writer!).then(waiting.answer.resolve, (error: unknown) => {
          if (error instanceof CheckpointMoved) moved.push(waiting);
          else waiting.answer.reject(error as Error);
        }),
      ),
    );
    for (const { batch, answer } of moved) await alone(batch).then(answer.resolve, answer.reject);
  }
}
