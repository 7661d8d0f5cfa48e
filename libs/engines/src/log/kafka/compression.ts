import * as zlib from 'node:zlib';
import kafkajs from 'kafkajs';
import { decodeLz4 } from './lz4.ts';
import { decodeSnappy } from './snappy.ts';

/** One record batch, decompressed: far above what a topic takes, far below what hurts. */
const MAX_BYTES = 128 * 1024 * 1024;

interface Codec {
  compress(encoder: { readonly buffer: Buffer }): Promise<Buffer>;
  decompress(buffer: Buffer): Promise<Buffer>;
}

/** Only for reading: we write without. */
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
 * kafkajs brings gzip alone, and a partition whose producer compresses otherwise stands still. What a payer's producers
 * may use is theirs to choose. Codecs are of the process: repeating this changes nothing.
 */
export function readEveryCompression(): void {
  const codecs = kafkajs.CompressionCodecs as unknown as Record<number, () => Codec>;
  codecs[kafkajs.CompressionTypes.Snappy] = reading((buffer) => decodeSnappy(buffer, MAX_BYTES));
  codecs[kafkajs.CompressionTypes.LZ4] = reading((buffer) => decodeLz4(buffer, MAX_BYTES));
  codecs[kafkajs.CompressionTypes.ZSTD] = reading(decodeZstd);
}
