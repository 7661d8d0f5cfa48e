import { cut } from '../batches.ts';
import type { LogRecord } from '../port.ts';

/** Estimated bytes of a record beside its value: key, headers, object. */
const OVERHEAD = 600;

/**
 * A cache of the newest durable records of all partitions. Several groups read a record soon after its append, and
 * reading it from the file would be most of their cost. When the new records have half of the limit, they become the
 * old ones, and the old ones before them go.
 */
export class RecentRecords {
  readonly #limit: number;
  #new = new Map<string, LogRecord[]>();
  #old = new Map<string, LogRecord[]>();
  #bytes = 0;

  constructor(limitBytes: number) {
    this.#limit = limitBytes;
  }

  /** Adds a record to the tail of its partition. After a gap in the offsets the tail starts again. */
  add(table: string, record: LogRecord): void {
    const last = (this.#new.get(table) ?? this.#old.get(table))?.at(-1);
    if (last !== undefined && last.offset + 1 !== record.offset) {
      this.#new.delete(table);
      this.#old.delete(table);
    }
    const bytes = record.value.byteLength + OVERHEAD;
    if (this.#bytes + bytes > this.#limit / 2) {
      this.#old = this.#new;
      this.#new = new Map();
      this.#bytes = 0;
    }
    this.#bytes += bytes;
    const tail = this.#new.get(table);
    if (tail === undefined) this.#new.set(table, [record]);
    else tail.push(record);
  }

  /** As `SqliteStore.read`; undefined when `from` is older than what is kept. */
  read(table: string, from: number, maxRecords: number, maxBytes: number): readonly LogRecord[] | undefined {
    let tail = this.#new.get(table) ?? [];
    // A reader at the end of the partition, as most are, needs no copy.
    if (tail[0] === undefined || from < tail[0].offset) tail = [...(this.#old.get(table) ?? []), ...tail];
    const oldest = tail[0]?.offset;
    return oldest === undefined || from < oldest ? undefined : cut(tail, from - oldest, maxRecords, maxBytes);
  }

  /** Empties the cache after a failed write or the removal of records. */
  clear(): void {
    this.#new.clear();
    this.#old.clear();
    this.#bytes = 0;
  }
}
