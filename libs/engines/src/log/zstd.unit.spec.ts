import { wholeWriterOf } from '@provider-access/kernel';
import { constants, createZstdCompress, createZstdDecompress, zstdCompressSync, zstdDecompressSync } from 'node:zlib';
import { expect, it, vi } from 'vitest';
import { BlockCompressor, FrameReader, sizeOfContent } from './zstd.ts';

const PARAMS = { [constants.ZSTD_c_compressionLevel]: 1 };

const parts = (count: number, bytes: number): Buffer[] =>
  Array.from({ length: count }, (_, n) => Buffer.alloc(bytes, `{"id":"${n}","code":"${n % 9}"},`));
const sizeOf = (all: readonly Uint8Array[]): number => all.reduce((sum, { byteLength }) => sum + byteLength, 0);
const text = (frame: Uint8Array): string => zstdDecompressSync(frame).toString();

it('gives frames of their own, whatever came before', () => {
  const compressor = new BlockCompressor(PARAMS);
  const given = [parts(250, 1900), parts(1, 10), parts(3, 400_000), parts(40, 3000), parts(1, 0)];
  const frames = given.map((some) => compressor.joined(some, sizeOf(some)));
  const headers = compressor.text(JSON.stringify({ name: 'Zoë 🦊'.repeat(20_000) }));
  expect(frames.map(text)).toEqual(given.map((some) => Buffer.concat(some).toString()));
  expect(JSON.parse(text(headers))).toEqual({ name: 'Zoë 🦊'.repeat(20_000) });
});

it('makes one context of zstd for all blocks', () => {
  const open = vi.fn(() => wholeWriterOf(createZstdCompress(), constants.ZSTD_e_end));
  const compressor = new BlockCompressor(PARAMS, open);
  for (let n = 0; n < 20; n++) compressor.joined(parts(60, 2000 + n), 60 * (2000 + n));
  expect(open).toHaveBeenCalledOnce();
  expect(open).toHaveReturnedWith(expect.any(Function));
});

it('compresses without a context where Node has no such internals', () => {
  const compressor = new BlockCompressor(PARAMS, () => wholeWriterOf({}, constants.ZSTD_e_end));
  const given = parts(60, 2000);
  expect(text(compressor.joined(given, sizeOf(given)))).toBe(Buffer.concat(given).toString());
});

it('leaves no memory behind for the next marking of the heap', () => {
  const compressor = new BlockCompressor(PARAMS);
  const given = parts(100, 3000);
  const one = (): Uint8Array => compressor.joined(given, 300_000);
  one();
  const before = process.memoryUsage().arrayBuffers;
  for (let n = 0; n < 100; n++) one();
  // With zstdCompressSync each call keeps 300 kB.
  expect(process.memoryUsage().arrayBuffers - before).toBeLessThan(8 * 1024 * 1024);
});

const LENGTHS = [1, 255, 256, 257, 65_535, 65_791, 65_792, 300_000];
const content = (length: number): Buffer => Buffer.alloc(length, 'a line of a record, ');

it('knows the size of the content of a frame by its first bytes', () => {
  for (const length of LENGTHS) {
    expect(sizeOfContent(zstdCompressSync(content(length)))).toBe(length);
    expect(sizeOfContent(Buffer.from(new BlockCompressor(PARAMS).bytes(content(length))))).toBe(length);
  }
  // Its one block is empty.
  const large = Buffer.from('28b52ffde00000000001000000010000', 'hex');
  expect(sizeOfContent(large)).toBe(2 ** 32);
  const unknown = { params: { [constants.ZSTD_c_contentSizeFlag]: 0 } };
  for (const other of [
    Buffer.alloc(0),
    Buffer.alloc(30),
    zstdCompressSync(content(1000), unknown),
    large.subarray(0, 9),
  ])
    expect(sizeOfContent(other)).toBeUndefined();
});

it('reads frames with one context of zstd, each into memory of its own', () => {
  const open = vi.fn(() => wholeWriterOf(createZstdDecompress(), constants.ZSTD_e_end));
  const reader = new FrameReader(open);
  const read = LENGTHS.map((length) => reader.read(zstdCompressSync(content(length)), length));
  expect(read.every((bytes, i) => bytes?.equals(content(LENGTHS[i]!)))).toBe(true);
  expect(open).toHaveBeenCalledOnce();
});

const CHECKED = { params: { [constants.ZSTD_c_checksumFlag]: 1 } };
const frames = [
  ['of one block', zstdCompressSync(content(3000))],
  ['with a checksum', zstdCompressSync(content(3000), CHECKED)],
  ['of many blocks', zstdCompressSync(content(900_000), CHECKED)],
] as const;

it.each(frames)('knows no size if a frame is not whole, or not alone: %s', (_, frame) => {
  expect(sizeOfContent(frame)).toBeGreaterThan(0);
  for (let end = 0; end < frame.byteLength; end++) expect(sizeOfContent(frame.subarray(0, end))).toBeUndefined();
  expect(sizeOfContent(Buffer.concat([frame, frame]))).toBeUndefined();
});

it.each(frames)('after a frame that cannot be read it reads the next one: %s', (_, frame) => {
  const reader = new FrameReader();
  const size = sizeOfContent(frame)!;
  const damaged = Buffer.from(frame);
  damaged.fill(0xff, 12);
  for (const [bytes, as] of [
    [damaged, size],
    [frame.subarray(0, 14), size],
    [frame, size - 1],
    [frame, size + 1],
    [content(100), 100],
    [frame, 0],
  ] as const) {
    expect(reader.read(bytes, as)).toBeUndefined();
    expect(reader.read(frame, size)?.equals(content(size))).toBe(true);
  }
});

it('reads nothing without the internals of Node, and asks for them once', () => {
  const open = vi.fn(() => undefined);
  const reader = new FrameReader(open);
  for (let n = 0; n < 2; n++) expect(reader.read(zstdCompressSync(content(10)), 10)).toBeUndefined();
  expect(open).toHaveBeenCalledOnce();
});
