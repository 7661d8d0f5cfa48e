import { AsyncLocalStorage } from 'node:async_hooks';
import { promisify } from 'node:util';
import { constants, unzip, zstdCompress, zstdDecompress, zstdDecompressSync } from 'node:zlib';
import { bufferOf } from '@provider-access/events';
import kafkajs from 'kafkajs';
import { BlockCompressor, FrameReader, sizeOfContent } from '../zstd.ts';
import { DECODED_BYTES } from './fetch-limits.ts';
import { decodeLz4 } from './lz4.ts';
import { decodeSnappy } from './snappy.ts';

/** Largest decompressed record batch: far more than a topic accepts, far less than the memory of a process. */
const MAX_BYTES = 128 * 1024 * 1024;
/**
 * Most decompressed bytes of a call that holds the thread, about 3 ms. A call in another thread costs 60 to 80 µs more
 * CPU, which is more than most batches need.
 */
const SYNC_BYTES = 2 * 1024 * 1024;
/** Compressed bytes that are decompressed in another thread at once, because they have more than `SYNC_BYTES`. */
const LARGE_BYTES = 512 * 1024;
/** The largest chunk, because a sender may name any size. It is more than a batch of this platform has. */
const MAX_CHUNK = 8 * 1024 * 1024;
/** Records with fewer bytes are written as they are: they would save less than the frame of their batch. */
const SMALL_BYTES = 1024;

/** kafkajs passes an encoder to `compress`. */
interface Codec {
  compress(encoder: { readonly buffer: Buffer }): Promise<Buffer>;
  decompress(buffer: Buffer): Promise<Buffer>;
}

/** A codec that only decompresses, for the producers of payers. */
const reading = (decompress: (buffer: Buffer, max: number) => Buffer | Promise<Buffer>): Codec => ({
  compress: async () => {
    throw new Error('this codec only reads');
  },
  decompress: async (buffer) => decompress(buffer, MAX_BYTES),
});

/** A higher level saves another tenth of the bytes, and takes three times as long. */
const LEVEL = { params: { [constants.ZSTD_c_compressionLevel]: 3 } };
/** The contexts of zstd of this process, for calls that hold the thread. */
const compressor = new BlockCompressor(LEVEL.params);
const reader = new FrameReader();
const compress = promisify(zstdCompress);
const decompress = promisify(zstdDecompress);
const gunzip = promisify(unzip);

export const zstd: Codec = {
  compress: async ({ buffer }) =>
    buffer.byteLength <= SYNC_BYTES ? bufferOf(compressor.bytes(buffer)) : compress(buffer, LEVEL),
  async decompress(buffer) {
    const size = sizeOfContent(buffer);
    if (size !== undefined && size <= SYNC_BYTES) {
      const content = reader.read(buffer, size);
      if (content !== undefined) return content;
    }
    if (buffer.byteLength <= LARGE_BYTES && (size === undefined || size <= SYNC_BYTES)) {
      try {
        return zstdDecompressSync(buffer, { maxOutputLength: SYNC_BYTES });
      } catch (error) {
        if ((error as NodeJS.ErrnoException).code !== 'ERR_BUFFER_TOO_LARGE') throw error;
      }
    }
    // In one chunk if the frame says its size. Node would copy chunks of 16 KiB together, and V8 marks its whole heap
    // as soon as so much memory has come and gone.
    const chunk = size === undefined || size > MAX_CHUNK ? {} : { chunkSize: size + 1 };
    return decompress(buffer, { maxOutputLength: MAX_BYTES, ...chunk });
  },
};

/** The decompressed bytes of the fetch that is being decoded. */
const fetched = new AsyncLocalStorage<{ bytes: number }>();

/**
 * Decodes batches of this fetch until they have `DECODED_BYTES`. The rest is missing in its answer, as if the broker
 * had not sent it. The first batch is always decoded, so a consumer makes progress.
 */
export const boundDecoding = <T>(fetch: () => Promise<T>): Promise<T> => fetched.run({ bytes: 0 }, fetch);

/** kafkajs takes this error for the end of an answer that the broker has cut. */
const cutHere = (): Error =>
  Object.assign(new Error('enough decoded batches for one fetch'), { name: 'KafkaJSPartialMessageError' });

const bounded = ({ compress, decompress }: Codec) => {
  const codec: Codec = {
    compress,
    async decompress(buffer) {
      const sum = fetched.getStore();
      if (sum !== undefined && sum.bytes >= DECODED_BYTES) throw cutHere();
      const decoded = await decompress(buffer);
      if (sum !== undefined) sum.bytes += decoded.byteLength;
      return decoded;
    },
  };
  return () => codec;
};

/**
 * Installs codecs for the whole process; repeated calls change nothing. kafkajs knows gzip only, without a limit, and
 * would stop at a batch with another compression. Payers choose the compression of their producers.
 */
export function installCompressions(): void {
  const codecs = kafkajs.CompressionCodecs as unknown as Record<number, () => Codec>;
  const { GZIP, Snappy, LZ4, ZSTD } = kafkajs.CompressionTypes;
  codecs[GZIP] = bounded(reading((buffer, maxOutputLength) => gunzip(buffer, { maxOutputLength })));
  codecs[Snappy] = bounded(reading(decodeSnappy));
  codecs[LZ4] = bounded(reading(decodeLz4));
  codecs[ZSTD] = bounded(zstd);
}

/** How a batch whose values have these bytes is written. Every release since 0.1.0 reads zstd. */
export const compressionFor = (bytes: number): kafkajs.CompressionTypes =>
  bytes < SMALL_BYTES ? kafkajs.CompressionTypes.None : kafkajs.CompressionTypes.ZSTD;
