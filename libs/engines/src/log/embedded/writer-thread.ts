import { ThreadError, ThreadPool } from '../../threads/index.ts';
import { EngineUnavailable, type LogRecord } from '../port.ts';
import type { TableRecord } from './blocks.ts';
import type { Commit, WriteBatch } from './row-writer.ts';

/** A batch on its way to the thread. The values of all records are one buffer, which moves without a copy. */
export interface PackedBatch {
  readonly values: Uint8Array<ArrayBuffer>;
  readonly tables: readonly PackedTable[];
  readonly commits: readonly Commit[];
}
type PackedTable = readonly [table: string, first: number, timestamp: number, records: readonly PackedRecord[]];
type PackedRecord = readonly [bytes: number, key: string, headers: LogRecord['headers']];

export function pack({ tables, commits }: WriteBatch): PackedBatch {
  let bytes = 0;
  for (const { records } of tables) for (const { value } of records) bytes += value.byteLength;
  // Not from the pool, because the thread gets the whole buffer.
  const values = new Uint8Array(bytes);
  let at = 0;
  const packed = tables.map(({ table, records }): PackedTable => {
    const { offset, timestamp } = records[0]!;
    const rest = records.map(({ key, headers, value }): PackedRecord => {
      values.set(value, at);
      at += value.byteLength;
      return [value.byteLength, key, headers];
    });
    return [table, offset, timestamp, rest];
  });
  return { values, tables: packed, commits };
}

export function unpack({ values, tables, commits }: PackedBatch): WriteBatch {
  let at = 0;
  const unpacked = tables.map(([table, first, timestamp, records]) => ({
    table,
    records: records.map(([bytes, key, headers], i): TableRecord => ({
      offset: first + i,
      key,
      headers,
      value: values.subarray(at, (at += bytes)),
      timestamp,
    })),
  }));
  return { tables: unpacked, commits };
}

export interface WriterData {
  readonly file: string;
  readonly busyMs: number;
  readonly blocks: boolean;
}

/**
 * Writes the log in a thread of its own, so that no request waits while the disk makes the records of another request
 * durable. After the end of the thread, the next batch starts another one.
 */
export class WriterThread {
  readonly threads: ThreadPool<PackedBatch, string | undefined>;

  constructor(workerData: WriterData) {
    this.threads = new ThreadPool(new URL('./writer-worker.ts', import.meta.url), { workerData });
  }

  /**
   * Resolves when the batch is durable. @throws EngineUnavailable. Then the batch may be stored, if the thread ended
   * before it could answer.
   */
  async write(batch: WriteBatch): Promise<void> {
    const packed = pack(batch);
    let fault: string | undefined;
    try {
      fault = await this.threads.call(packed, [packed.values.buffer]);
    } catch (cause) {
      if (!(cause instanceof ThreadError)) throw cause;
      throw new EngineUnavailable(`the log file: ${cause.message}`, { cause });
    }
    if (fault !== undefined) throw new EngineUnavailable(`the log file: ${fault}`);
  }

  /** Resolves when the thread has ended, and with it its locks on the file. */
  close(): Promise<void> {
    return this.threads.close();
  }
}
