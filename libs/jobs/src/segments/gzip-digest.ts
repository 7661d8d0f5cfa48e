import { createHash } from 'node:crypto';
import { crc32Combine } from './crc32.ts';
import { GZIP_HEADER, gzipTrailer } from './layout.ts';
import type { SegmentSize } from './segment.ts';

/** Size and SHA-256 (hexadecimal) of the gzip stream that a download of a whole part file is. */
export interface Checksum {
  readonly size: number;
  readonly sha256: string;
}

/** Computes the checksum of a part file while it is written, from bytes that are in memory anyway. */
export class GzipDigest {
  readonly #hash = createHash('sha256').update(GZIP_HEADER);
  #crc = 0;
  #plain = 0;
  #size = GZIP_HEADER.byteLength;

  /** The next segment. Its bytes come later, with those of others. */
  add({ crc, plain }: SegmentSize): void {
    this.#crc = crc32Combine(this.#crc, crc, plain);
    this.#plain += plain;
  }
  write(bytes: Uint8Array): void {
    this.#hash.update(bytes);
    this.#size += bytes.byteLength;
  }
  end(): Checksum {
    const trailer = gzipTrailer(this.#crc, this.#plain);
    return { size: this.#size + trailer.byteLength, sha256: this.#hash.update(trailer).digest('hex') };
  }
}
