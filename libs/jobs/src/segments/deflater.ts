import { wholeWriterOf, type WholeWrite } from '@provider-access/kernel';
import { constants, createDeflateRaw, deflateRawSync } from 'node:zlib';

/** Level 1, because higher levels save few bytes and cost much CPU time. */
const LEVEL = { level: 1 };
/**
 * A segment ends with a full flush and without a last block, so it can be decoded alone and concatenated with others.
 */
const FLUSH = constants.Z_FULL_FLUSH;
/** Bytes. A larger segment is compressed with memory of its own, which is not kept. */
const MOST_KEPT = 1024 * 1024;
/** Bytes of the first memory for results: most segments fit. */
const FIRST = 64 * 1024;

/** More than zlib makes of so many bytes: texts that it cannot compress, a header for each block of them, the flush. */
const bound = (bytes: number): number => bytes + (bytes >> 3) + 1024;

/** The compressor of a thread, started again for each segment. */
export interface OpenDeflate {
  /** Forgets what it compressed before, so that equal lines have equal bytes. */
  reset(): void;
  readonly write: WholeWrite;
}
/** @returns undefined if Node has no such internals */
export function openDeflate(): OpenDeflate | undefined {
  const stream = createDeflateRaw({ ...LEVEL, chunkSize: 64 });
  // A failed call destroys the stream, and the caller finds out by the result.
  stream.on('error', () => undefined);
  const write = wholeWriterOf(stream, FLUSH);
  return write && { reset: () => stream.reset(), write };
}

/**
 * Compresses segments with one context of zlib. `deflateRawSync` makes a context for each call, with four parts of 64
 * kB. Where glibc maps such parts (`MALLOC_MMAP_THRESHOLD_=65536`), a call for 4.5 kB takes 78 µs of CPU, and this one
 * 11. An export has a segment for each member and type.
 */
export class SegmentDeflater {
  readonly #open: () => OpenDeflate | undefined;
  #deflate: OpenDeflate | undefined;
  #isOpen = false;
  #to = new Uint8Array(0);

  constructor(open = openDeflate) {
    this.#open = open;
  }

  /** The bytes of a segment, in memory of their own. The same as those of `deflateRawSync`. */
  deflate(lines: Uint8Array): Uint8Array {
    if (lines.byteLength > MOST_KEPT) return alone(lines);
    if (!this.#isOpen) this.#deflate = this.#open();
    this.#isOpen = true;
    if (this.#deflate === undefined) return alone(lines);
    const room = bound(lines.byteLength);
    if (this.#to.byteLength < room) this.#to = new Uint8Array(Math.max(FIRST, room));
    this.#deflate.reset();
    const length = this.#deflate.write(lines, lines.byteLength, this.#to);
    // A result that fills its room may be cut.
    if (length !== undefined && length < this.#to.byteLength) return this.#to.slice(0, length);
    this.#deflate = undefined;
    return alone(lines);
  }
}

const alone = (lines: Uint8Array): Uint8Array => deflateRawSync(lines, { ...LEVEL, finishFlush: FLUSH });
