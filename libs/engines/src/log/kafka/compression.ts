import * as zlib from 'node:zlib';
import kafkajs from 'kafkajs';
import { decodeLz4 } from './lz4.ts';
import { decodeSnappy } from './snappy.ts';

/** Largest decompressed record batch: far more than a topic accepts, far less than the memory of a process. */
const MAX_BYTES = 128 * 1024 * 1024;

interface Codec {
  compress(encoder: { readonly buffer: Buffer }): Promise<Buffer>;
  decompress(buffer: Buffer): Promise<Buffer>;
}

/** A codec that only decompresses, because the platform writes without compression. */
const reading = (decompress: (buffer: Buffer) => Buffer | Promise<Buffer>) => (): Codec => ({
  compress: async () => {
    throw new Error('this codec only reads');
  },
  decompress: async (buffer) => decompress(buffer),
});

async function decodeZstd(buffer: Buffer): Promise<Buffer> {
  // Node 22.15 and later.
  if (typeof zlib.zstdDecompress !== 'function') throw new kafkajs.KafkaJSNotImplemented();
  return new Promise((resolve, reject) =>
    zlib.zstdDecompress(buffer, { maxOutputLength: MAX_BYTES }, (error, found) =>
      error === null ? resolve(found) : reject(error),
    ),
  );
}

/**
 * Installs codecs for the whole process; repeated calls change nothing. kafkajs can only read gzip, and would stop at a
 * batch with another compression. Payers choose the compression of their producers.
 */
export function readEveryCompression(): void {
  const codecs = kafkajs.CompressionCodecs as unknown as Record<number, () => Codec>;
  codecs[kafkajs.CompressionTypes.Snappy] = reading((buffer) => decodeSnappy(buffer, MAX_BYTES));
  codecs[kafkajs.CompressionTypes.LZ4] = reading((buffer) => decodeLz4(buffer, MAX_BYTES));
  codecs[kafkajs.CompressionTypes.ZSTD] = reading(decodeZstd);
}
