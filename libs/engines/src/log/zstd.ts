import { wholeWriterOf, type WholeWrite } from '@provider-access/kernel';
import { constants, createZstdCompress, createZstdDecompress, zstdCompressSync } from 'node:zlib';

/** Parameters of zstd by their numbers. */
type Params = Readonly<Record<number, number>>;
/** Bytes. Larger input is compressed with memory of its own, which is not kept. */
const MOST_KEPT = 2 * 1024 * 1024;
/** Bytes at which the kept memory starts: the headers of a block fit. */
const FIRST = 64 * 1024;

/** The largest result for so many bytes (`ZSTD_compressBound`). With so much room, zstd needs one call. */
const bound = (bytes: number): number => bytes + (bytes >> 8) + 128;

/** How many bytes of input kept memory is made for, when so many come. */
const mostFor = (bytes: number): number => Math.max(FIRST, Math.min(MOST_KEPT, 2 * bytes));

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
  readonly #params: Params;
  readonly #open: () => WholeWrite | undefined;
  #write: WholeWrite | undefined;
  #isOpen = false;
  /** Input that is put together. */
  #from = Buffer.alloc(0);
  #to = new Uint8Array(0);

  constructor(params: Params, open = () => opened(createZstdCompress({ params, chunkSize: 64 }))) {
    this.#params = params;
    this.#open = open;
  }

  /** One frame for the bytes of all parts. */
  joined(parts: readonly Uint8Array[], bytes: number): Uint8Array {
    if (bytes > MOST_KEPT) return this.#alone(Buffer.concat(parts, bytes));
    const from = this.#room(bytes);
    let at = 0;
    for (const part of parts) {
      from.set(part, at);
      at += part.byteLength;
    }
    return this.#compressed(from, bytes);
  }

  /** One frame for a text as UTF-8. */
  text(text: string): Uint8Array {
    if (3 * text.length > MOST_KEPT) return this.#alone(Buffer.from(text));
    const from = this.#room(3 * text.length);
    return this.#compressed(from, from.write(text));
  }

  /** One frame for bytes, whose memory zstd reads where it is. */
  bytes(bytes: Uint8Array): Uint8Array {
    return bytes.byteLength > MOST_KEPT ? this.#alone(bytes) : this.#compressed(bytes, bytes.byteLength);
  }

  #room(bytes: number): Buffer {
    if (this.#from.byteLength < bytes) this.#from = Buffer.allocUnsafeSlow(mostFor(bytes));
    return this.#from;
  }

  #compressed(from: Uint8Array, bytes: number): Uint8Array {
    if (this.#to.byteLength < bound(bytes)) this.#to = new Uint8Array(bound(mostFor(bytes)));
    if (!this.#isOpen) this.#write = this.#open();
    this.#isOpen = true;
    const length = this.#write?.(from, bytes, this.#to);
    // A result that fills its room may be cut.
    if (length !== undefined && length < this.#to.byteLength) return this.#to.slice(0, length);
    this.#write = undefined;
    return this.#alone(from.subarray(0, bytes));
  }

  /** With less room for the result, zstd copies the input into a window of its own first, on new pages of memory. */
  #alone(bytes: Uint8Array): Uint8Array {
    return zstdCompressSync(bytes, { params: this.#params, chunkSize: bound(bytes.byteLength) });
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
