import { cut } from '../batches.ts';
import type { LogRecord } from '../port.ts';

interface Tail {
  readonly records: LogRecord[];
  dropped: number;
}

/** Estimated bytes of a record beside its value: key, headers, object. */
const OVERHEAD = 600;

/**
 * A cache of the newest durable records of all partitions, bounded in bytes. Several groups read a record soon after
 * its append, and reading it from the file would be most of their cost.
 */
export class RecentRecords {
  readonly #limit: number;
  readonly #tails = new Map<string, Tail>();
  readonly #order: Tail[] = [];
  #first = 0;
  #bytes = 0;

  constructor(limitBytes: number) {
    this.#limit = limitBytes;
  }

  /** Adds a record to the tail of its partition. After a gap in the offsets the tail starts again. */
  add(table: string, record: LogRecord): void {
    let tail = this.#tails.get(table);
    const last = tail?.records.at(-1);
    if (tail === undefined || (last !== undefined && last.offset + 1 !== record.offset)) {
      tail = { records: [], dropped: 0 };
      this.#tails.set(table, tail);
    }
    tail.records.push(record);
    this.#order.push(tail);
    this.#bytes += record.value.byteLength + OVERHEAD;
    while (this.#bytes > this.#limit) this.#evict();
  }

  /** As `LocalStore.read`; undefined when `from` is older than what is kept. */
  read(table: string, from: number, maxRecords: number, maxBytes: number): readonly LogRecord[] | undefined {
    const tail = this.#tails.get(table);
    const oldest = tail?.records[tail.dropped];
    if (tail === undefined || oldest === undefined || from < oldest.offset) return undefined;
    return cut(tail.records, tail.dropped + (from - oldest.offset), maxRecords, maxBytes);
  }

  /** Empties the cache after a failed write or the removal of records. */
  clear(): void {
    this.#tails.clear();
    this.#order.length = this.#first = this.#bytes = 0;
  }

  #evict(): void {
    const tail = this.#order[this.#first++]!;
    const record = tail.records[tail.dropped]!;
    this.#bytes -= record.value.byteLength + OVERHEAD;
    tail.records[tail.dropped++] = undefined as never;
    if (tail.dropped > 1024 && tail.dropped * 2 > tail.records.length) {
      tail.records.splice(0, tail.dropped);
      tail.dropped = 0;
    }
    if (this.#first > 4096 && this.#first * 2 > this.#order.length) {
      this.#order.splice(0, this.#first);
      this.#first = 0;
    }
  }
}
