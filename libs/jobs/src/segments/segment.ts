import { constants, crc32, inflateRawSync } from 'node:zlib';
import { segmentDeflater } from './deflater.ts';

/** The data of a segment in the index. Lengths in bytes. */
export interface SegmentSize {
  /** Zero for the header of a block, which is the only line of its segment. */
  readonly resources: number;
  readonly plain: number;
  readonly compressed: number;
  readonly crc: number;
}
export interface Segment extends SegmentSize {
  readonly bytes: Uint8Array;
}

/**
 * Plain bytes after which the lines of a patient continue in another segment. Bounds memory for writing and reading.
 */
const SEGMENT_LIMIT = 8 * 1024 * 1024;
/** Limits of a part file (docs/regulation.md#files-of-an-export). */
export interface PartLimits {
  readonly resources: number;
  /** Bytes uncompressed. */
  readonly plain: number;
  /** Plain bytes of one patient and type after which a segment ends. */
  readonly segment: number;
  /** Segments are small, so this many bytes of them are written together. */
  readonly stretch: number;
}
export const PART_LIMITS: PartLimits = {
  resources: 100_000,
  plain: 256 * 1024 * 1024,
  segment: SEGMENT_LIMIT,
  stretch: 512 * 1024,
};

const deflater = segmentDeflater();

/**
 * Compresses whole NDJSON lines (each with its newline). A segment can be decoded alone and concatenated with others.
 */
export function deflateSegment(lines: Uint8Array, resources: number): Segment {
  const bytes = deflater.compressed(lines);
  return { resources, plain: lines.byteLength, compressed: bytes.byteLength, crc: crc32(lines), bytes };
}

/**
 * The lines of adjacent segments, in their order. One call reads all of them, because each ends with a flush and not
 * with the stream. Throws if the bytes do not match the index, so that a torn file is never served.
 */
export function inflateSegments(bytes: Uint8Array, sizes: readonly SegmentSize[]): Buffer {
  const total = sizes.reduce((sum, { plain }) => sum + plain, 0);
  // One buffer for all lines. Its spare byte tells zlib that no more output waits.
  const chunkSize = Math.max(total + 1, MIN_CHUNK);
  const lines = inflateRawSync(bytes, { finishFlush: constants.Z_SYNC_FLUSH, chunkSize, maxOutputLength: chunkSize });
  let at = 0;
  const isWhole = sizes.every(({ plain, crc }) => crc32(lines.subarray(at, (at += plain))) === crc);
  if (!isWhole || at !== lines.byteLength) throw new Error('a segment does not match its index');
  return lines;
}
/** The smallest `chunkSize` that zlib accepts. */
const MIN_CHUNK = constants.Z_MIN_CHUNK;

/** The lines of one segment. Throws like `inflateSegments`. */
export const inflateSegment = (bytes: Uint8Array, size: SegmentSize): Buffer => inflateSegments(bytes, [size]);

/**
 * Collects a patient's lines of one type and makes segments of whole lines. Each line is copied once, into a buffer
 * that all segments share.
 */
export class SegmentBuilder {
  #buffer = Buffer.allocUnsafe(64 * 1024);
  #bytes = 0;
  #lines = 0;
  readonly #limit: number;
  constructor(limit = SEGMENT_LIMIT) {
    this.#limit = limit;
  }
  /** Adds a line without its newline. Returns a segment when the limit is passed. */
  add(line: Uint8Array): Segment | undefined {
    const end = this.#bytes + line.byteLength;
    if (end >= this.#buffer.byteLength) {
      const grown = Buffer.allocUnsafe(2 * (end + 1));
      grown.set(this.#buffer.subarray(0, this.#bytes));
      this.#buffer = grown;
    }
    this.#buffer.set(line, this.#bytes);
    this.#buffer[end] = NEWLINE;
    this.#bytes = end + 1;
    this.#lines++;
    return this.#bytes >= this.#limit ? this.end() : undefined;
  }
  /** The last segment, if lines are left. */
  end(): Segment | undefined {
    if (this.#lines === 0) return undefined;
    const segment = deflateSegment(this.#buffer.subarray(0, this.#bytes), this.#lines);
    this.#bytes = 0;
    this.#lines = 0;
    return segment;
  }
}
const NEWLINE = 10;
