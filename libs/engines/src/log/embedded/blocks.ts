import type { StatementSync } from 'node:sqlite';
import { constants, zstdDecompressSync } from 'node:zlib';
import { EngineUnavailable, type LogRecord, type TopicPartition } from '../port.ts';
import { BlockCompressor } from '../zstd.ts';

/**
 * The rows of a partition. A plain row is one record. A block is a row for several records, or for a large one, whose
 * repeated names and codes a compressor shrinks to a tenth ([ADR 0089](../../../../../docs/adr/0089-write-once.md)).
 */
export interface Row {
  /** The offset. A block has its last one, so `o >= from` finds the block of `from`. */
  readonly o: number;
  /** The key. A block has `first count bytes`: its first offset, its records, the bytes of their values. */
  readonly k: string;
  /** The headers as JSON. A block has the compressed JSON of `Entry[]`. */
  readonly h: string | Uint8Array;
  /** The value. A block has the compressed values, one after another. */
  readonly v: Uint8Array;
  /** When the record was appended, ms since the epoch. It is one time for all records of a block. */
  readonly t: number;
}

/** A record in a block: its offset less the one before it, the bytes of its value, key, headers. */
type Entry = readonly [step: number, bytes: number, key: string, headers: Readonly<Record<string, string>>];

/** Where the records of a row are, without loading them. */
export interface Extent {
  readonly first: number;
  readonly count: number;
  /** Of the values of all records, before compression. */
  readonly bytes: number;
}

/** What the key of a block says: its first offset, its records, the bytes of their values. */
const placeOf = (k: string): readonly [first: number, count: number, bytes: number] =>
  k.split(' ').map(Number) as [number, number, number];

/** SQL: whether a row is a block, beside the columns of `extentOf`. */
export const EXTENT = "o, k, typeof(h) = 'blob' AS packed, length(v) AS bytes, t";
export interface ExtentRow extends Pick<Row, 'o' | 'k' | 't'> {
  readonly packed: number;
  readonly bytes: number;
}
export function extentOf({ o, k, packed, bytes }: ExtentRow): Extent {
  if (packed === 0) return { first: o, count: 1, bytes };
  const [first, count, values] = placeOf(k);
  return { first, count, bytes: values };
}

/**
 * The number of rows from the offset `from` to before `to` whose records fit into a batch, at least 1 if there is one.
 * SQLite gives the length of a value without loading it, so that only the rows of the batch are loaded.
 */
export function fitting(
  sizes: StatementSync,
  [from, to]: readonly [from: number, to: number],
  maxRecords: number,
  maxBytes: number,
): number {
  let rows = 0;
  let records = 0;
  let sum = 0;
  for (const row of sizes.iterate(from, to, maxRecords) as unknown as Iterable<ExtentRow>) {
    const { first, count, bytes } = extentOf(row);
    sum += bytes;
    if (rows > 0 && sum > maxBytes) break;
    rows += 1;
    records += first < from ? 1 : count;
    if (records >= maxRecords) break;
  }
  return rows;
}

/** How many decompressed blocks stay in memory, for the groups that read on in them. */
const KEPT = 4;

/** The records of rows, with the newest decompressed blocks. */
export class Unpacked {
  readonly #kept = new Map<string, readonly LogRecord[]>();

  of(row: Row, { table, topic, partition }: { readonly table: string } & TopicPartition): readonly LogRecord[] {
    if (typeof row.h === 'string') return recordsOf(row, topic, partition);
    const key = `${table}/${row.o}`;
    const known = this.#kept.get(key);
    const records = known ?? recordsOf(row, topic, partition);
    this.#kept.delete(key);
    this.#kept.set(key, records);
    if (this.#kept.size > KEPT) this.#kept.delete(this.#kept.keys().next().value!);
    return records;
  }
  clear(): void {
    this.#kept.clear();
  }
}

/** A reader of one record decompresses its block, so a block is bounded. */
const MOST_RECORDS = 250;
const MOST_BYTES = 512 * 1024;
/** Fewer bytes of values are not worth the two calls of the compressor. */
const LEAST_BYTES = 4096;

// Level 3 saves a twentieth more bytes for half as much again of the time. The checksum finds a damaged block.
const ZSTD = { [constants.ZSTD_c_compressionLevel]: 1, [constants.ZSTD_c_checksumFlag]: 1 };
/** All blocks of the process are compressed one after another. */
const compressor = new BlockCompressor(ZSTD);

/** A record in a table, which says its topic and partition. */
export type TableRecord = Omit<LogRecord, keyof TopicPartition | 'timestampBy'>;
/** The rows for records that were appended at one time, in the order of their offsets. */
export type RowsOf = (records: readonly TableRecord[]) => Iterable<Row>;
export const rowsWith = (blocks: boolean): RowsOf => (blocks ? rowsOf : (records) => records.map(plainRow));

export function* rowsOf(records: readonly TableRecord[]): Generator<Row> {
  let bytes = 0;
  let from = 0;
  for (let at = 0; at < records.length; at++) {
    const own = records[at]!.value.byteLength;
    if (at > from && (at - from === MOST_RECORDS || bytes + own > MOST_BYTES)) {
      yield* someRows(records.slice(from, at), bytes);
      [from, bytes] = [at, 0];
    }
    bytes += own;
  }
  yield* someRows(from === 0 ? records : records.slice(from), bytes);
}

function someRows(records: readonly TableRecord[], bytes: number): readonly Row[] {
  const block = bytes < LEAST_BYTES ? undefined : blockOf(records, bytes);
  return block === undefined || block.h.length + block.v.byteLength >= bytes ? records.map(plainRow) : [block];
}

export const plainRow = ({ offset, key, headers, value, timestamp }: TableRecord): Row => ({
  o: offset,
  k: key,
  h: JSON.stringify(headers),
  v: value,
  t: timestamp,
});

function blockOf(records: readonly TableRecord[], bytes: number): Row {
  const first = records[0]!.offset;
  let before = first;
  const entries = records.map(({ offset, value, key, headers }): Entry => {
    const step = offset - before;
    before = offset;
    return [step, value.byteLength, key, headers];
  });
  return {
    o: before,
    k: `${first} ${records.length} ${bytes}`,
    h: compressor.text(JSON.stringify(entries)),
    v: compressor.joined(
      records.map(({ value }) => value),
      bytes,
    ),
    t: records[0]!.timestamp,
  };
}

/** Offsets and keys of a row. @throws EngineUnavailable if it is damaged */
export function keysOf({ o, k, h }: Pick<Row, 'o' | 'k' | 'h'>): readonly { readonly o: number; readonly k: string }[] {
  if (typeof h === 'string') return [{ o, k }];
  const [first, count] = placeOf(k);
  let offset = first;
  return entriesOf(o, h, count).map(([step, , key]) => ({ o: (offset += step), k: key }));
}

/** The records of a row. @throws EngineUnavailable if it is damaged */
export function recordsOf({ o, k, h, v, t }: Row, topic: string, partition: number): readonly LogRecord[] {
  if (typeof h === 'string')
    return [
      { topic, partition, offset: o, key: k, headers: JSON.parse(h) as LogRecord['headers'], value: v, timestamp: t },
    ];
  const [first, count, size] = placeOf(k);
  const values = unpacked(o, v, size);
  let offset = first;
  let at = 0;
  return entriesOf(o, h, count).map(([step, bytes, key, headers]) => {
    const value = values.subarray(at, (at += bytes));
    return { topic, partition, offset: (offset += step), key, headers, value, timestamp: t };
  });
}

/** Bytes of the JSON of an entry, about. With more, zstd takes another turn. */
const ENTRY_BYTES = 512;
const entriesOf = (o: number, h: Uint8Array, count: number): readonly Entry[] =>
  JSON.parse(unpacked(o, h, ENTRY_BYTES * count).toString()) as readonly Entry[];

/** Most bytes that a damaged row may ask for. A record has at most 4 MiB and its envelope. */
const MOST_ROOM = 8 * 1024 * 1024;

/**
 * @param size the bytes of the result, or about. With room for the whole result and one byte more, zstd needs one turn,
 * where it would else fill pieces of 16 kB that are joined afterwards
 */
function unpacked(o: number, bytes: Uint8Array, size: number): Buffer {
  try {
    return zstdDecompressSync(bytes, { chunkSize: Math.min(Math.max(size + 1, 64), MOST_ROOM) });
  } catch (cause) {
    throw new EngineUnavailable(`the log file: the block with the offset ${o} is damaged`, { cause });
  }
}
