import { gzipSync, zstdCompressSync } from 'node:zlib';
import { describe, expect, it } from 'vitest';
import { zstd } from './compression.ts';
import { decodeLz4 } from './lz4.ts';
import { decodeSnappy } from './snappy.ts';

const MAX = 1_000_000;
/** Literal "ab", then "abababab" as a match of distance 2 that overlaps itself. */
const snappyBlock = Buffer.from([10, 0b000001_00, 0x61, 0x62, 0b000_100_01, 2]);
const lz4Block = Buffer.from([0x24, 0x61, 0x62, 2, 0, 0x00]);
const lz4Frame = (block: Buffer): Buffer =>
  Buffer.concat([
    Buffer.from([0x04, 0x22, 0x4d, 0x18, 0x60, 0x40, 0x82, block.length, 0, 0, 0]),
    block,
    Buffer.alloc(4),
  ]);

describe('Snappy', () => {
  it('decodes a block and a stream of blocks', () => {
    expect(decodeSnappy(snappyBlock, MAX).toString()).toBe('ababababab');
    const header = Buffer.from([0x82, 0x53, 0x4e, 0x41, 0x50, 0x50, 0x59, 0, 0, 0, 0, 1, 0, 0, 0, 1]);
    const sized = Buffer.concat([Buffer.from([0, 0, 0, snappyBlock.length]), snappyBlock]);
    expect(decodeSnappy(Buffer.concat([header, sized, sized]), MAX).toString()).toBe('abababababababababab');
  });

  it.each([
    ['nothing', Buffer.alloc(0)],
    ['a size that never ends', Buffer.alloc(9, 0xff)],
    ['literals that end early', Buffer.from([10, 0b111_001_00, 0x61])],
    ['a match before the beginning', Buffer.from([10, 0b000_100_01, 2])],
    ['another size than it says', Buffer.from([3, 0, 0x61])],
  ])('refuses %s', (_, input) => expect(() => decodeSnappy(input, MAX)).toThrow(RangeError));

  it('refuses what gets too large', () => expect(() => decodeSnappy(snappyBlock, 9)).toThrow(RangeError));
});

describe('LZ4', () => {
  it('decodes frames, one after the other', () => {
    expect(decodeLz4(lz4Frame(lz4Block), MAX).toString()).toBe('ababababab');
    expect(decodeLz4(Buffer.concat([lz4Frame(lz4Block), lz4Frame(lz4Block)]), MAX).toString()).toBe(
      'abababababababababab',
    );
  });

  it.each([
    ['another format', Buffer.from('not an LZ4 frame')],
    ['a block that ends early', lz4Frame(lz4Block).subarray(0, 14)],
    ['a match before the beginning', lz4Frame(Buffer.from([0x14, 0x61, 9, 0, 0]))],
  ])('refuses %s', (_, input) => expect(() => decodeLz4(input, MAX)).toThrow(RangeError));

  it('refuses what gets too large', () => expect(() => decodeLz4(lz4Frame(lz4Block), 9)).toThrow(RangeError));
});

describe('Zstandard', () => {
  const small = Buffer.from('ab'.repeat(1_000));
  // Larger than what is decompressed at once, and small and large when it is compressed.
  const repeated = Buffer.alloc(5_000_000, 'abc');
  const varied = Buffer.from(Array.from({ length: 3_000_000 }, (_, i) => (Math.imul(i, 2_654_435_761) >>> 13) & 255));

  it.each([
    ['small', small],
    ['large, of few bytes', repeated],
    ['large, of many bytes', varied],
  ])('decodes what it encoded: %s', async (_, given) => {
    const encoded = await zstd.compress({ buffer: given });
    const decoded = await zstd.decompress(encoded);
    expect(given.equals(decoded)).toBe(true);
    // In memory of that size, and not in chunks that are copied together or in shared memory.
    expect(decoded.buffer.byteLength - given.byteLength).toBeOneOf([0, 1]);
  });

  it.each([
    ['another format', gzipSync(small)],
    ['a frame that ends early', zstdCompressSync(small).subarray(0, 15)],
    ['a large frame that ends early', zstdCompressSync(repeated).subarray(0, 100)],
    ['random bytes', varied.subarray(0, 1_000)],
  ])('refuses %s', (_, input) => expect(zstd.decompress(input)).rejects.toThrow());

  it('refuses what gets larger than 128 MiB', () =>
    expect(zstd.decompress(zstdCompressSync(Buffer.alloc(130 * 1024 * 1024)))).rejects.toThrow(RangeError));
});
