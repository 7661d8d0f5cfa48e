import type { WholeWrite } from './whole-writes.ts';

/** A compression of `node:zlib`. */
export interface Compression {
  /** Opens a context that starts anew with each text. @returns undefined if Node has no such internals */
  readonly open: () => WholeWrite | undefined;
  /** Bytes that the result for so many bytes never has more of. */
  readonly bound: (bytes: number) => number;
  /** Bytes. A longer text is compressed with memory of its own, which is not kept. */
  readonly mostKept: number;
  /** Node's own function, with a context for this text alone. */
  readonly alone: (bytes: Uint8Array) => Uint8Array;
}

/** Bytes of the first texts that memory is made for. */
const FIRST = 64 * 1024;

/**
 * Compresses texts with one context and with memory that is kept. Node's own functions make both for each call, on new
 * pages. Where the context cannot be used, they compress instead.
 */
export class KeptCompressor {
  readonly #by: Compression;
  #write: WholeWrite | undefined;
  #isOpen = false;
  #to = new Uint8Array(0);

  constructor(by: Compression) {
    this.#by = by;
  }

  /** Whether a text of so many bytes is compressed in kept memory. */
  keeps(bytes: number): boolean {
    return bytes <= this.#by.mostKept;
  }

  /** For how many bytes memory is made when so many come: the next text may be longer. */
  roomFor(bytes: number): number {
    return Math.max(FIRST, Math.min(this.#by.mostKept, 2 * bytes));
  }

  /** The result for the first bytes of `from`, in memory of its own. */
  compressed(from: Uint8Array, bytes = from.byteLength): Uint8Array {
    return this.#byContext(from, bytes) ?? this.#by.alone(from.subarray(0, bytes));
  }

  #byContext(from: Uint8Array, bytes: number): Uint8Array | undefined {
    if (!this.keeps(bytes)) return undefined;
    if (!this.#isOpen) this.#write = this.#by.open();
    this.#isOpen = true;
    if (this.#write === undefined) return undefined;
    if (this.#to.byteLength < this.#by.bound(bytes)) this.#to = new Uint8Array(this.#by.bound(this.roomFor(bytes)));
    const length = this.#write(from, bytes, this.#to);
    // A result that fills its room may be cut.
    if (length !== undefined && length < this.#to.byteLength) return this.#to.slice(0, length);
    this.#write = undefined;
    return undefined;
  }
}
