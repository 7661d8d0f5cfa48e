import { constants, createZstdCompress, zstdCompressSync } from 'node:zlib';

// Level 3 saves a twentieth more bytes for half as much again of the time. The checksum finds a damaged block.
const ZSTD = { [constants.ZSTD_c_compressionLevel]: 1, [constants.ZSTD_c_checksumFlag]: 1 };
/** Bytes. Larger input is compressed with memory of its own, which is not kept. */
const MOST_KEPT = 1024 * 1024;
/** Bytes at which the kept memory starts: the headers of a block fit. */
const FIRST = 64 * 1024;

/** The largest result for so many bytes (`ZSTD_compressBound`). With so much room, zstd needs one call. */
const bound = (bytes: number): number => bytes + (bytes >> 8) + 128;

/** What the synchronous functions of `node:zlib` use of a stream. Node does not document it, so it may be absent. */
interface Internals {
  readonly _handle?: {
    writeSync?(
      flush: number,
      from: Uint8Array,
      fromAt: number,
      fromBytes: number,
      to: Uint8Array,
      toAt: number,
      toBytes: number,
    ): void;
  };
  /** After a call: the bytes of `to` and of `from` that are left. */
  readonly _writeState?: Uint32Array;
}
type Write = (from: Uint8Array, bytes: number, to: Uint8Array) => number | undefined;

/** @returns what compresses bytes into one frame and gives its length; undefined if Node has no such internals */
export function writerOf(stream: Internals): Write | undefined {
  const { _handle: handle, _writeState: left } = stream;
  if (typeof handle?.writeSync !== 'function' || !(left instanceof Uint32Array)) return undefined;
  const call = handle as Required<typeof handle>;
  return (from, bytes, to) => {
    // A call that fails does not change it.
    left[1] = bytes + 1;
    call.writeSync(constants.ZSTD_e_end, from, 0, bytes, to, 0, to.byteLength);
    return left[1] === 0 && left[0]! > 0 ? to.byteLength - left[0]! : undefined;
  };
}

function opened(): Write | undefined {
  const stream = createZstdCompress({ params: ZSTD, chunkSize: 64 });
  // A failed call destroys the stream, and the caller finds out by the result.
  stream.on('error', () => undefined);
  return writerOf(stream as Internals);
}

/**
 * Compresses blocks of the log with one context of zstd and with memory that is kept. `zstdCompressSync` makes both for
 * each call: a megabyte of new pages, and an object that keeps its output until V8 marks its whole heap
 * ([ADR 0158](../../../../../docs/adr/0158-intake-gc.md)).
 */
export class BlockCompressor {
  readonly #open: () => Write | undefined;
  #write: Write | undefined;
  #isOpen = false;
  #from = Buffer.alloc(0);
  #to = new Uint8Array(0);

  constructor(open = opened) {
    this.#open = open;
  }

  /** One frame for the bytes of all parts. */
  joined(parts: readonly Uint8Array[], bytes: number): Uint8Array {
    if (bytes > MOST_KEPT) return alone(Buffer.concat(parts, bytes));
    const from = this.#room(bytes);
    let at = 0;
    for (const part of parts) {
      from.set(part, at);
      at += part.byteLength;
    }
    return this.#compressed(bytes);
  }

  /** One frame for a text as UTF-8. */
  text(text: string): Uint8Array {
    if (3 * text.length > MOST_KEPT) return alone(Buffer.from(text));
    return this.#compressed(this.#room(3 * text.length).write(text));
  }

  #room(bytes: number): Buffer {
    if (this.#from.byteLength < bytes) {
      const most = Math.max(FIRST, Math.min(MOST_KEPT, 2 * bytes));
      this.#from = Buffer.allocUnsafeSlow(most);
      this.#to = new Uint8Array(bound(most));
    }
    return this.#from;
  }

  #compressed(bytes: number): Uint8Array {
    if (!this.#isOpen) this.#write = this.#open();
    this.#isOpen = true;
    const length = this.#write?.(this.#from, bytes, this.#to);
    if (length !== undefined) return this.#to.slice(0, length);
    this.#write = undefined;
    return alone(this.#from.subarray(0, bytes));
  }
}

/** With less room for the result, zstd copies the input into a window of its own first, on new pages of memory. */
const alone = (bytes: Uint8Array): Uint8Array =>
  zstdCompressSync(bytes, { params: ZSTD, chunkSize: bound(bytes.byteLength) });
