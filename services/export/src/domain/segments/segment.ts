import { constants, crc32, deflateRawSync, inflateRawSync } from 'node:zlib';

/** The data of a segment in the index. Lengths in bytes. */
export interface SegmentSize {
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

/**
 * Compresses whole NDJSON lines (each with its newline). Because it ends with a full flush and without a last block, a
 * segment can be decoded alone and concatenated with others. Level 1, because higher levels save few bytes and cost
 * much CPU time.
 */
export function deflateSegment(lines: Uint8Array, resources: number): Segment {
  const bytes = deflateRawSync(lines, { level: 1, finishFlush: constants.Z_FULL_FLUSH });
  return { resources, plain: lines.byteLength, compressed: bytes.byteLength, crc: crc32(lines), bytes };
}

/** The lines of a segment. Throws if the bytes do not match the index, so that a torn file is never served. */
export function inflateSegment(bytes: Uint8Array, size: SegmentSize): Buffer {
  const lines = inflateRawSync(bytes, { finishFlush: constants.Z_SYNC_FLUSH, maxOutputLength: size.plain + 1 });
  if (lines.byteLength !== size.plain || crc32(lines) !== size.crc)
    throw new Error('a segment does not match its index');
  return lines;
}

/** Collects a patient's lines of one type and makes segments of whole lines. */
export class SegmentBuilder {
  #pieces: Uint8Array[] = [];
  #bytes = 0;
  #lines = 0;
  readonly #limit: number;
  constructor(limit = SEGMENT_LIMIT) {
    this.#limit = limit;
  }
  /** Adds a line without its newline. Returns a segment when the limit is passed. */
  add(line: Uint8Array): Segment | undefined {
    this.#pieces.push(line, NEWLINE);
    this.#bytes += line.byteLength + 1;
    this.#lines++;
    return this.#bytes >= this.#limit ? this.end() : undefined;
  }
  /** The last segment, if lines are left. */
  end(): Segment | undefined {
    if (this.#lines === 0) return undefined;
    const segment = deflateSegment(Buffer.concat(this.#pieces, this.#bytes), this.#lines);
    this.#pieces = [];
    this.#bytes = 0;
    this.#lines = 0;
    return segment;
  }
}
const NEWLINE = Buffer.from('\n');
