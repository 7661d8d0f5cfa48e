import type { DatabaseSync, StatementSync } from 'node:sqlite';
import type { Checkpoint } from '../store.ts';
import { VALUE } from '../../log/embedded/index.ts';

/** A checkpoint of one build of a view. */
interface Place {
  readonly collection: string;
  readonly build: number;
  readonly checkpoint: Checkpoint;
}

const buildKey = (collection: string, build: number): string => `${collection}/${build}`;
const placeKey = ({ topic, partition }: Checkpoint): string => `${topic}/${partition}`;

/**
 * The checkpoints of one file of views. The process that writes the file has them in memory, and reads them once. A
 * checkpoint that comes without documents may wait there for others, so the file may be behind (ADR 0133). After a kill
 * the runner reads the records between both again, and they change nothing.
 */
export class Checkpoints {
  readonly #read: StatementSync;
  readonly #write: StatementSync | undefined;
  /** By build, then by topic and partition. */
  readonly #known = new Map<string, Map<string, Checkpoint>>();
  /** Those that the file does not have yet. */
  readonly #waiting = new Map<string, Place>();
  /** Takes the changes of the present transaction back, the last one first. */
  readonly #undo: (() => void)[] = [];

  /** @param isWriter whether only this connection writes the file */
  constructor(db: DatabaseSync, isWriter: boolean) {
    this.#read = db.prepare(
      `SELECT topic, part, next, progress FROM checkpoints WHERE collection = ${VALUE} AND build = ${VALUE}`,
    );
    if (isWriter)
      this.#write = db.prepare(
        'INSERT INTO checkpoints VALUES (?, ?, ?, ?, ?, ?) ON CONFLICT DO UPDATE SET next = excluded.next, ' +
          'progress = excluded.progress',
      );
  }

  of(collection: string, build: number): readonly Checkpoint[] {
    return this.#write === undefined ? this.#stored(collection, build) : [...this.#of(collection, build).values()];
  }
  /** Next offset to handle; 0 without a checkpoint. */
  next(collection: string, build: number, checkpoint: Checkpoint): number {
    return this.#of(collection, build).get(placeKey(checkpoint))?.next ?? 0;
  }

  /** Writes a checkpoint within the caller's transaction. */
  save(place: Place): void {
    this.#put(place);
    this.#set(place);
    this.#forgetWaiting(place);
  }

  /** Keeps a checkpoint in memory, outside of a transaction. */
  hold(place: Place): void {
    this.#set(place);
    this.#undo.length = 0;
    this.#waiting.set(this.#keyOf(place), place);
  }
  get waits(): number {
    return this.#waiting.size;
  }
  /** Writes what waits within the caller's transaction. */
  writeWaiting(): void {
    for (const place of [...this.#waiting.values()]) {
      this.#put(place);
      this.#forgetWaiting(place);
    }
  }

  /** Call it after each transaction. */
  committed(): void {
    this.#undo.length = 0;
  }
  rolledBack(): void {
    while (this.#undo.length > 0) this.#undo.pop()!();
  }

  /** A build is dropped. */
  forget(collection: string, build: number): void {
    this.#known.delete(buildKey(collection, build));
    for (const [key, place] of this.#waiting)
      if (place.collection === collection && place.build === build) this.#waiting.delete(key);
  }

  #of(collection: string, build: number): Map<string, Checkpoint> {
    const key = buildKey(collection, build);
    let known = this.#known.get(key);
    if (known === undefined) {
      known = new Map(this.#stored(collection, build).map((checkpoint) => [placeKey(checkpoint), checkpoint]));
      this.#known.set(key, known);
    }
    return known;
  }
  #stored(collection: string, build: number): Checkpoint[] {
    const rows = this.#read.all(collection, build) as {
      topic: string;
      part: number;
      next: number;
      progress: string;
    }[];
    return rows.map(({ topic, part, next, progress }) => ({
      topic,
      partition: part,
      next,
      progress: JSON.parse(progress) as Checkpoint['progress'],
    }));
  }

  #keyOf({ collection, build, checkpoint }: Place): string {
    return `${buildKey(collection, build)}/${placeKey(checkpoint)}`;
  }
  #put({ collection, build, checkpoint }: Place): void {
    const { topic, partition, next, progress } = checkpoint;
    this.#write!.run(collection, build, topic, partition, next, JSON.stringify(progress));
  }
  #set({ collection, build, checkpoint }: Place): void {
    const known = this.#of(collection, build);
    const key = placeKey(checkpoint);
    const before = known.get(key);
    const { topic, partition, next, progress } = checkpoint;
    known.set(key, { topic, partition, next, progress });
    this.#undo.push(() => (before === undefined ? known.delete(key) : known.set(key, before)));
  }
  #forgetWaiting(place: Place): void {
    const key = this.#keyOf(place);
    const waiting = this.#waiting.get(key);
    if (waiting === undefined) return;
    this.#waiting.delete(key);
    this.#undo.push(() => this.#waiting.set(key, waiting));
  }
}
