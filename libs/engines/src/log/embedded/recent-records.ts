import { bufferOf } from '@provider-access/events';
import { cut } from '../batches.ts';
import type { LogRecord } from '../port.ts';

/** Estimated bytes of a record beside its value: key, headers, object. */
const OVERHEAD = 600;
/** Values share slabs of this size. A value that would fill a quarter of one has memory of its own. */
const SLAB_BYTES = 256 * 1024;

/** Records of the log. Nobody writes over their values until `done` is called. */
export interface Borrowed {
  readonly records: readonly LogRecord[];
  readonly done: () => void;
}
const NOTHING = (): void => undefined;
/** Records whose values have memory of their own. */
export const inMemory = (records: readonly LogRecord[]): Borrowed => ({ records, done: NOTHING });

/** The records for a reader who may keep them. */
export function keptRecords({ records, done }: Borrowed): readonly LogRecord[] {
  if (done === NOTHING) return records;
  const kept = records.map((record) => ({ ...record, value: Buffer.from(record.value) }));
  done();
  return kept;
}

export type NewestRecord = { -readonly [Name in keyof LogRecord]: LogRecord[Name] };

/** The records of a while, with the memory of their values. */
class Generation {
  readonly tails = new Map<string, LogRecord[]>();
  readonly slabs: Buffer[] = [];
  /** Bytes of the last slab that are in use. */
  used = SLAB_BYTES;
  /** Readers that have borrowed records. */
  readers = 0;
  isGone = false;
}

/**
 * A cache of the newest durable records of all partitions. Several groups read a record soon after its append, and
 * reading it from the file would be most of their cost. When the new records have half of the limit, they become the
 * old ones, and the old ones before them go.
 *
 * It copies each value into memory that it uses again. Otherwise V8 would mark its whole heap each time that 64 MB of
 * values have passed (docs/adr/0158-intake-gc.md). Memory is used again when its generation is gone and no reader has
 * borrowed from it. A reader that keeps a value for longer finds it empty, and never finds other data in it.
 */
export class RecentRecords {
  readonly #limit: number;
  #new = new Generation();
  #old = new Generation();
  #bytes = 0;
  /** Memory for the next slabs. */
  readonly #free: Buffer[] = [];

  constructor(limitBytes: number) {
    this.#limit = limitBytes;
  }

  /**
   * Adds a record to the tail of its partition, and gives it a copy of its value. After a gap in the offsets the tail
   * starts again.
   */
  add(table: string, record: NewestRecord): void {
    const last = (this.#new.tails.get(table) ?? this.#old.tails.get(table))?.at(-1);
    if (last !== undefined && last.offset + 1 !== record.offset) {
      this.#new.tails.delete(table);
      this.#old.tails.delete(table);
    }
    const bytes = record.value.byteLength + OVERHEAD;
    if (this.#bytes + bytes > this.#limit / 2) {
      this.#leave(this.#old);
      this.#old = this.#new;
      this.#new = new Generation();
      this.#bytes = 0;
    }
    this.#bytes += bytes;
    record.value = this.#copyOf(record.value);
    const tail = this.#new.tails.get(table);
    if (tail === undefined) this.#new.tails.set(table, [record]);
    else tail.push(record);
  }

  /** As `SqliteStore.borrow`; undefined when `from` is older than what is kept. */
  borrow(table: string, from: number, maxRecords: number, maxBytes: number): Borrowed | undefined {
    let tail = this.#new.tails.get(table) ?? [];
    // A reader at the end of the partition, as most are, needs no copy.
    const isNew = tail[0] !== undefined && from >= tail[0].offset;
    if (!isNew) tail = [...(this.#old.tails.get(table) ?? []), ...tail];
    const oldest = tail[0]?.offset;
    if (oldest === undefined || from < oldest) return undefined;
    const generations = isNew ? [this.#new] : [this.#old, this.#new];
    for (const generation of generations) generation.readers += 1;
    let isDone = false;
    const done = (): void => {
      if (isDone) return;
      isDone = true;
      for (const generation of generations) {
        generation.readers -= 1;
        if (generation.isGone) this.#leave(generation);
      }
    };
    return { records: cut(tail, from - oldest, maxRecords, maxBytes), done };
  }

  /** Empties the cache after a failed write or the removal of records, which are rare, so their memory is let go. */
  clear(): void {
    this.#new = new Generation();
    this.#old = new Generation();
    this.#bytes = 0;
  }

  #copyOf(value: Uint8Array): Buffer {
    const { byteLength } = value;
    // A value without bytes needs no slab, and there may be none yet.
    if (byteLength === 0 || byteLength > SLAB_BYTES / 4) return Buffer.from(value);
    const generation = this.#new;
    if (generation.used + byteLength > SLAB_BYTES) {
      generation.slabs.push(this.#free.pop() ?? Buffer.allocUnsafeSlow(SLAB_BYTES));
      generation.used = 0;
    }
    const slab = generation.slabs[generation.slabs.length - 1]!;
    const copy = slab.subarray(generation.used, (generation.used += byteLength));
    copy.set(value);
    return copy;
  }

  /** Takes the memory of a generation whose records are no longer read, as soon as no reader has it. */
  #leave(generation: Generation): void {
    generation.isGone = true;
    if (generation.readers > 0) return;
    // After `transfer` the former values are empty.
    for (const { buffer } of generation.slabs.splice(0))
      if (this.#free.length * SLAB_BYTES < this.#limit / 2)
        this.#free.push(bufferOf(new Uint8Array((buffer as ArrayBuffer).transfer())));
  }
}
