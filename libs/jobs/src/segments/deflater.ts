import { KeptCompressor, wholeWriterOf, type WholeWrite } from '@provider-access/kernel';
import { constants, createDeflateRaw, deflateRawSync } from 'node:zlib';

/** Level 1, because higher levels save few bytes and cost much CPU time. */
const LEVEL = { level: 1 };
/**
 * A segment ends with a full flush and without a last block, so it can be decoded alone and concatenated with others.
 */
const FLUSH = constants.Z_FULL_FLUSH;
/** Bytes. Most segments are shorter: they have the lines of one member and type. */
const MOST_KEPT = 1024 * 1024;

/** More than zlib makes of so many bytes: texts that it cannot compress, a header for each block of them, the flush. */
const bound = (bytes: number): number => bytes + (bytes >> 3) + 1024;

/** The compressor of a thread. @returns undefined if Node has no such internals */
export function openDeflate(): WholeWrite | undefined {
  const stream = createDeflateRaw({ ...LEVEL, chunkSize: 64 });
  // A failed call destroys the stream, and the caller finds out by the result.
  stream.on('error', () => undefined);
  const write = wholeWriterOf(stream, FLUSH);
  return (
    write &&
    ((from, bytes, to) => {
      // It forgets what it compressed before, so that equal lines have equal bytes.
      stream.reset();
      return write(from, bytes, to);
    })
  );
}

/**
 * Compresses segments with one context of zlib, to the bytes of `deflateRawSync`. That makes a context for each call,
 * with four parts of 64 kB. Where glibc maps such parts (`MALLOC_MMAP_THRESHOLD_=65536`), a call for 4.5 kB takes 78 µs
 * of CPU, and this one 11. An export has a segment for each member and type.
 */
export const segmentDeflater = (open = openDeflate): KeptCompressor =>
  new KeptCompressor({
    open,
    bound,
    mostKept: MOST_KEPT,
    alone: (lines) => deflateRawSync(lines, { ...LEVEL, finishFlush: FLUSH }),
  });
