import { PROGRESS_TYPE, dataOf } from '@provider-access/events';
import type { Progress } from '@provider-access/events';
import type { LogRecord, Position } from './port.ts';

type After = Readonly<Record<string, Readonly<Record<string, number>>>>;

/** JSON: goes into a checkpoint and back. */
export interface ProgressState {
  readonly at: Position;
  readonly derived: Readonly<Record<string, Position>>;
  readonly pending: readonly {
    readonly deriver: string;
    readonly topic: string;
    readonly partition: number;
    readonly next: number;
    readonly after: After;
  }[];
}

/**
 * How far a reader of derived topics has come on the inbound topics (docs/architecture.md#progress). Feed it every
 * record of the consumed topics, or `passed` for batches without progress records; outputs in topics that the reader
 * does not consume do not concern it.
 */
export class ProgressTracker {
  readonly #at = new Map<string, number[]>();
  readonly #derived = new Map<string, Map<string, number[]>>();
  /** Waiting for outputs in other partitions, by deriver, topic and partition, in the order they came. */
  readonly #pending = new Map<string, ProgressState['pending']>();

  constructor(topics: readonly string[], state?: ProgressState) {
    for (const topic of topics) this.#at.set(topic, [...(state?.at[topic] ?? [])]);
    for (const [deriver, position] of Object.entries(state?.derived ?? {})) {
      for (const [topic, offsets] of Object.entries(position))
        offsets.forEach((next, partition) => this.#reach(deriver, topic, partition, next));
    }
    for (const entry of state?.pending ?? []) this.#wait(entry);
  }

  /** One record of a consumed topic, in offset order per partition; redelivered ones change nothing. */
  record(record: LogRecord): void {
    if ((this.#at.get(record.topic)?.[record.partition] ?? 0) > record.offset) return;
    if (record.headers['ce_type'] === PROGRESS_TYPE) {
      const { deriver, topic, partition, next, after } = dataOf<Progress>(record);
      if (next > this.#reached(deriver, topic, partition))
        this.#wait({ deriver, topic, partition, next, after: after ?? {} });
    }
    this.passed(record.topic, record.partition, record.offset + 1);
  }

  /** Everything before `next` of a consumed partition has been handled. */
  passed(topic: string, partition: number, next: number): void {
    const offsets = this.#at.get(topic);
    if (offsets === undefined || (offsets[partition] ?? 0) >= next) return;
    raise(offsets, partition, next);
    this.#settle();
  }

  /** Deriver -> inbound position that the reader has passed. */
  derived(): Record<string, Position> {
    return Object.fromEntries(
      [...this.#derived].map(([deriver, topics]) => [
        deriver,
        Object.fromEntries([...topics].map(([topic, offsets]) => [topic, [...offsets]])),
      ]),
    );
  }

  /** Position of the consumed topics. */
  position(): Position {
    return Object.fromEntries([...this.#at].map(([topic, offsets]) => [topic, [...offsets]]));
  }

  state(): ProgressState {
    return { at: this.position(), derived: this.derived(), pending: [...this.#pending.values()].flat() };
  }

  #wait(entry: ProgressState['pending'][number]): void {
    const id = `${entry.deriver}\n${entry.topic}\n${entry.partition}`;
    this.#pending.set(id, [...(this.#pending.get(id) ?? []), entry]);
  }

  /**
   * In order, as views count. `after` is cumulative, so that an entry that holds speaks for the batches before it as
   * well (docs/architecture.md#progress).
   */
  #settle(): void {
    for (const [id, queue] of this.#pending) {
      let done = 0;
      while (done < queue.length && this.#has(queue[done]!.after)) {
        const { deriver, topic, partition, next } = queue[done++]!;
        this.#reach(deriver, topic, partition, next);
      }
      if (done === queue.length) this.#pending.delete(id);
      else if (done > 0) this.#pending.set(id, queue.slice(done));
    }
  }

  #has(after: After): boolean {
    return Object.entries(after).every(([topic, partitions]) => {
      const offsets = this.#at.get(topic);
      return (
        offsets === undefined ||
        Object.entries(partitions).every(([partition, next]) => (offsets[Number(partition)] ?? 0) >= next)
      );
    });
  }

  #reached(deriver: string, topic: string, partition: number): number {
    return this.#derived.get(deriver)?.get(topic)?.[partition] ?? 0;
  }

  #reach(deriver: string, topic: string, partition: number, next: number): void {
    let topics = this.#derived.get(deriver);
    if (topics === undefined) this.#derived.set(deriver, (topics = new Map()));
    let offsets = topics.get(topic);
    if (offsets === undefined) topics.set(topic, (offsets = []));
    raise(offsets, partition, next);
  }
}

function raise(offsets: number[], at: number, next: number): void {
  while (offsets.length <= at) offsets.push(0);
  if (offsets[at]! < next) offsets[at] = next;
}
