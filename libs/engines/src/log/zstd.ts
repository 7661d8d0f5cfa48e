import { KeptCompressor, wholeWriterOf, type WholeWrite } from '@provider-access/kernel';
import { constants, createZstdCompress, createZstdDecompress, zstdCompressSync } from 'node:zlib';

/** Parameters of zstd by their numbers. */
type Params = Readonly<Record<number, number>>;
/** Bytes. Blocks of the log are shorter, unless one of their records is large. */
const MOST_KEPT = 2 * 1024 * 1024;

/** The largest result for so many bytes (`ZSTD_compressBound`). With so much room, zstd needs one call. */
const bound = (bytes: number): number => bytes + (bytes >> 8) + 128;

function opened(stream: ReturnType<typeof createZstdCompress | typeof createZstdDecompress>): WholeWrite | undefined {
  // A failed call destroys the stream, and the caller finds out by the result.
  stream.on('error', () => undefined);
  return wholeWriterOf(stream, constants.ZSTD_e_end);
}

/**
 * Compresses blocks with one context of zstd and with memory that is kept. `zstdCompressSync` makes both for
 * each call: a megabyte of new pages, and an object that keeps its output until V8 marks its whole heap
 * ([ADR 0158](../../../../../docs/adr/0158-intake-gc.md)).
 */
export class BlockCompressor {
  readonly #kept: KeptCompressor;
  /** Input that is put together. */
  #from = Buffer.alloc(0);

  constructor(params: Params, open = () => opened(createZstdCompress({ params, chunkSize: 64 }))) {
    this.#kept = new KeptCompressor({
      open,
      bound,
      mostKept: MOST_KEPT,
      // With less room for the result, zstd copies the input into a window of its own first, on new pages of memory.
      alone: (bytes) => zstdCompressSync(bytes, { params, chunkSize: bound(bytes.byteLength) }),
    });
  }

  /** One frame for the bytes of all parts. */
  joined(parts: readonly Uint8Array[], bytes: number): Uint8Array {
    if (!this.#kept.keeps(bytes)) return this.bytes(Buffer.concat(parts, bytes));
    const from = this.#room(bytes);
    let at = 0;
    for (const part of parts) {
      from.set(part, at);
      at += part.byteLength;
    }
    return this.#kept.compressed(from, bytes);
  }

  /** One frame for a text as UTF-8. */
  text(text: string): Uint8Array {
    if (!this.#kept.keeps(3 * text.length)) return this.bytes(Buffer.from(text));
    const from = this.#room(3 * text.length);
    return this.#kept.compressed(from, from.write(text));
  }

  /** One frame for bytes, whose memory zstd reads where it is. */
  bytes(bytes: Uint8Array): Uint8Array {
    return this.#kept.compressed(bytes);
  }

  #room(bytes: number): Buffer {
    if (this.#from.byteLength < bytes) this.#from = Buffer.allocUnsafeSlow(this.#kept.roomFor(bytes));
    return this.#from;
  }
}

/** The first bytes of a frame. */
const MAGIC = 0xfd2fb528;

const CHECKSUM_BYTES = 4;
/** A block of a frame: whether it is the last one, its type, and its bytes (of one type those of its content). */
const BLOCK_HEADER_BYTES = 3;
const REPEATED_BYTE = 1;

/**
 * How many bytes one whole frame of zstd says that it has without compression. Undefined if it does not say it, and for
 * anything but one whole frame, which would leave a context of zstd in the middle of a frame (RFC 8878).
 */
export function sizeOfContent(frame: Buffer): number | undefined {
  // The longest header has 18 bytes, and no whole frame that says its size is shorter than 9.
  if (frame.byteLength < 9 || frame.readUInt32LE(0) !== MAGIC) return undefined;
  const descriptor = frame[4]!;
  const isSingleSegment = (descriptor & 0x20) !== 0;
  let at = 5 + (isSingleSegment ? 0 : 1) + [0, 1, 2, 4][descriptor & 3]!;
  const bytes = [isSingleSegment ? 1 : 0, 2, 4, 8][descriptor >> 6]!;
  if (bytes === 0 || frame.byteLength < at + bytes) return undefined;
  const size = bytes === 8 ? Number(frame.readBigUInt64LE(at)) : frame.readUIntLE(at, bytes) + (bytes === 2 ? 256 : 0);
  at += bytes;
  for (let isLast = false; !isLast;) {
    if (at + BLOCK_HEADER_BYTES > frame.byteLength) return undefined;
    const block = frame.readUIntLE(at, BLOCK_HEADER_BYTES);
    isLast = (block & 1) !== 0;
    at += BLOCK_HEADER_BYTES + (((block >> 1) & 3) === REPEATED_BYTE ? 1 : block >> 3);
  }
  if ((descriptor & 4) !== 0) at += CHECKSUM_BYTES;
  return at === frame.byteLength ? size : undefined;
}

/**
 * Reads frames with one context of zstd, each into memory of its own that has the size of its content.
 * `zstdDecompressSync` makes a context for each call, and chunks of 16 KiB that it then copies together.
 */
export class FrameReader {
  readonly #open: () => WholeWrite | undefined;
  #write: WholeWrite | undefined;
  /** Node has no such internals. */
  #isClosed = false;

  constructor(open = () => opened(createZstdDecompress({ chunkSize: 64 }))) {
    this.#open = open;
  }

  /**
   * @param size of its content (`sizeOfContent`)
   * @returns undefined if the frame cannot be read this way
   */
  read(frame: Buffer, size: number): Buffer | undefined {
    if (this.#isClosed || size === 0) return undefined;
    this.#write ??= this.#open();
    if (this.#write === undefined) {
      this.#isClosed = true;
      return undefined;
    }
    const content = Buffer.allocUnsafeSlow(size);
    const length = this.#write(frame, frame.byteLength, content);
    if (length === size) return content;
    // The context is in the middle of a frame, or has failed.
    this.#write = undefined;
    return undefined;
  }
}
