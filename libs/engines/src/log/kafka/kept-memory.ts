import { BATCH_BYTES } from './fetch-limits.ts';

/** Bytes that are kept: as many as the largest usual batch has. */
const MOST_KEPT = BATCH_BYTES + 256 * 1024;

/**
 * Memory for one batch after the other. New memory for each would let V8 mark its whole heap as soon as 64 MB have come
 * and gone ([ADR 0158](../../../../../docs/adr/0158-intake-gc.md)).
 */
export class KeptMemory {
  #free: ArrayBuffer | undefined;

  /** Bytes with any content. Nobody else has them until they are given back. */
  take(bytes: number): Buffer<ArrayBuffer> {
    const free = this.#free;
    if (free === undefined || free.byteLength < bytes) return Buffer.allocUnsafeSlow(bytes);
    this.#free = undefined;
    return Buffer.from(free, 0, bytes);
  }

  /** Nobody may use these bytes any more. */
  give({ buffer }: Buffer<ArrayBuffer>): void {
    if (buffer.byteLength <= MOST_KEPT && buffer.byteLength > (this.#free?.byteLength ?? 0)) this.#free = buffer;
  }
}
