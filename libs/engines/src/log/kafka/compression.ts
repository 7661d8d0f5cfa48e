import { promisify } from 'node:util';
import { zstdDecompress } from 'node:zlib';
import kafkajs from 'kafkajs';
import { decodeLz4 } from './lz4.ts';
import { decodeSnappy } from './snappy.ts';

/** Largest decompressed record batch: far more than a topic accepts, far less than the memory of a process. */
const MAX_BYTES = 128 * 1024 * 1024;

/** A codec that only decompresses, because the platform writes without compression. */
const reading = (decompress: (buffer: Buffer, max: number) => Buffer | Promise<Buffer>) => () => ({
  compress: async (): Promise<Buffer> => {
    throw new Error('this codec only reads');
  },
  decompress: async (buffer: Buffer): Promise<Buffer> => decompress(buffer, MAX_BYTES),
});

const zstd = promisify(zstdDecompress);

/**
 * Installs codecs for the whole process; repeated calls change nothing. kafkajs can only read gzip, and would stop at a
 * batch with another compression. Payers choose the compression of their producers.
 */
export function readEveryCompression(): void {
  const codecs = kafkajs.CompressionCodecs as unknown as Record<number, ReturnType<typeof reading>>;
  codecs[kafkajs.CompressionTypes.Snappy] = reading(decodeSnappy);
  codecs[kafkajs.CompressionTypes.LZ4] = reading(decodeLz4);
  codecs[kafkajs.CompressionTypes.ZSTD] = reading((buffer, maxOutputLength) => zstd(buffer, { maxOutputLength }));
}
