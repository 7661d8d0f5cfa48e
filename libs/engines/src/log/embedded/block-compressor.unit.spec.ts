import { createZstdCompress, zstdDecompressSync } from 'node:zlib';
import { expect, it, vi } from 'vitest';
import { BlockCompressor, writerOf } from './block-compressor.ts';

const parts = (count: number, bytes: number): Buffer[] =>
  Array.from({ length: count }, (_, n) => Buffer.alloc(bytes, `{"id":"${n}","code":"${n % 9}"},`));
const sizeOf = (all: readonly Uint8Array[]): number => all.reduce((sum, { byteLength }) => sum + byteLength, 0);
const text = (frame: Uint8Array): string => zstdDecompressSync(frame).toString();

it('gives frames of their own, whatever came before', () => {
  const compressor = new BlockCompressor();
  const given = [parts(250, 1900), parts(1, 10), parts(3, 400_000), parts(40, 3000), parts(1, 0)];
  const frames = given.map((some) => compressor.joined(some, sizeOf(some)));
  const headers = compressor.text(JSON.stringify({ name: 'Zoë 🦊'.repeat(20_000) }));
  expect(frames.map(text)).toEqual(given.map((some) => Buffer.concat(some).toString()));
  expect(JSON.parse(text(headers))).toEqual({ name: 'Zoë 🦊'.repeat(20_000) });
});

it('makes one context of zstd for all blocks', () => {
  const open = vi.fn(() => writerOf(createZstdCompress() as Parameters<typeof writerOf>[0]));
  const compressor = new BlockCompressor(open);
  for (let n = 0; n < 20; n++) compressor.joined(parts(60, 2000 + n), 60 * (2000 + n));
  expect(open).toHaveBeenCalledOnce();
  expect(open).toHaveReturnedWith(expect.any(Function));
});

it.each([
  ['Node has no such internals', () => writerOf({})],
  ['a call fails', () => () => undefined],
])('compresses without the context when %s', (_, open) => {
  const compressor = new BlockCompressor(open);
  const given = parts(60, 2000);
  for (let n = 0; n < 2; n++)
    expect(text(compressor.joined(given, sizeOf(given)))).toBe(Buffer.concat(given).toString());
});

it('leaves no memory behind for the next marking of the heap', () => {
  const compressor = new BlockCompressor();
  const given = parts(100, 3000);
  const one = (): Uint8Array => compressor.joined(given, 300_000);
  one();
  const before = process.memoryUsage().arrayBuffers;
  for (let n = 0; n < 100; n++) one();
  // With zstdCompressSync each call keeps 300 kB.
  expect(process.memoryUsage().arrayBuffers - before).toBeLessThan(8 * 1024 * 1024);
});
