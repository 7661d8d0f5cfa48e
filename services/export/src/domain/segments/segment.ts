import { constants, crc32, deflateRawSync, inflateRawSync } from 'node:zlib';

/** What the index keeps of a segment; lengths in bytes. */
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
 * Plain bytes after which the lines of a patient continue in another segment. It bounds memory at writing and at
 * reading.
 */
export const SEGMENT_LIMIT = 8 * 1024 * 1024;

/**
 * Compresses whole NDJSON lines (each with its newline), so that the result can be decoded alone and concatenated with
 * others: a full flush at the end, and no last block. Level 1, because higher levels save little disk and network and
 * cost much processor time.
 */
export function deflateSegment(lines: Uint8Array, resources: number): Segment {
  const bytes = deflateRawSync(lines, { level: 1, finishFlush: constants.Z_FULL_FLUSH });
  return { resources, plain: lines.byteLength, compressed: bytes.byteLength, crc: crc32(lines), bytes };
}

/** The lines of one segment. Throws when the bytes are not what the index says: a torn file is never served. */
export function inflateSegment(bytes: Uint8Array, size: SegmentSize): Buffer {
  const lines = inflateRawSync(bytes, { finishFlush: constants.Z_SYNC_FLUSH, maxOutputLength: size.plain + 1 });
  if (lines.byteLength !== size.plain || crc32(lines) !== size.crc)
    throw new Error('a segment does not match its index');
  return lines;
}

/** Gathers a patient's lines of one type and cuts segments at whole lines. */
export class SegmentBuilder {
  private pieces: Uint8Array[] = [];
  private bytes = 0;
  private lines = 0;
  private readonly limit: number;
  constructor(limit = SEGMENT_LIMIT) {
    this.limit = limit;
  }
  /** Takes one line without its newline; gives a segment back when the limit is passed. */
  add(line: Uint8Array): Segment | undefined {
    this.pieces.push(line, NEWLINE);
    this.bytes += line.byteLength + 1;
    this.lines++;
    return this.bytes >= this.limit ? this.end() : undefined;
  }
  /** The rest, or undefined when there is none. */
  end(): Segment | undefined {
    if (this.lines === 0) return undefined;
    const segment = deflateSegment(Buffer.concat(this.pieces, this.bytes), this.lines);
    this.pieces = [];
    this.bytes = 0;
    this.lines = 0;
    return segment;
  }
}
const NEWLINE = Buffer.from('\n');
