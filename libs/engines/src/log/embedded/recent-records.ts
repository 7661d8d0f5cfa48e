import type { LogRecord } from '../port.ts';

interface Tail {
  readonly records: LogRecord[];
  dropped: number;
}

/** Bytes that a record weighs beside its value: key, headers, object. */
const OVERHEAD = 600;

/**
 * The newest records of all partitions, kept after they are durable: several groups read the same record a moment after
 * it was appended, and reading it from the file again would be most of what they cost. Bounded in bytes over all
 * partitions.
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

  /** `record.offset` follows the last one added of its partition, or its tail starts anew. */
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
  read(table: string, from: number, maxRecords: number, maxBytes: number): LogRecord[] | undefined {
    const tail = this.#tails.get(table);
    const oldest = tail?.records[tail.dropped];
    if (tail === undefined || oldest === undefined || from < oldest.offset) return undefined;
    const found: LogRecord[] = [];
    let bytes = 0;
    for (let i = tail.dropped + (from - oldest.offset); i < tail.records.length && found.length < maxRecords; i++) {
      const record = tail.records[i]!;
      bytes += record.value.byteLength;
      if (found.length > 0 && bytes > maxBytes) break;
      found.push(record);
    }
    return found;
  }

  /** Nothing is known any more: after a failed write, or when records were removed. */
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
