import { deflateRawSync, inflateRawSync } from 'node:zlib';
import { expect, it, vi } from 'vitest';
import { KeptCompressor } from './kept-compressor.ts';
import type { WholeWrite } from './whole-writes.ts';

const alone = vi.fn((bytes: Uint8Array): Uint8Array => deflateRawSync(bytes));
/** Copies behind a mark, so that a test sees which of both compressed. */
const copied: WholeWrite = (from, bytes, to) => {
  to[0] = 1;
  to.set(from.subarray(0, bytes), 1);
  return bytes + 1;
};
const compressorOf = (open: () => WholeWrite | undefined): KeptCompressor =>
  new KeptCompressor({ open, bound: (bytes) => bytes + 2, mostKept: 100_000, alone });
const text = (bytes: number): Buffer => Buffer.alloc(bytes, 'a line, ');

it('opens one context, at the first text that is not too long', () => {
  const open = vi.fn(() => copied);
  const compressor = compressorOf(open);
  const long = compressor.compressed(text(100_001));
  expect(inflateRawSync(long).equals(text(100_001))).toBe(true);
  expect(open).not.toHaveBeenCalled();
  for (const bytes of [0, 1, 70_000, 99_999, 100_000, 5])
    expect(compressor.compressed(text(bytes)).byteLength).toBe(bytes + 1);
  expect(open).toHaveBeenCalledOnce();
});

it('compresses the first bytes of what it gets, into memory of their own', () => {
  const compressor = compressorOf(() => copied);
  const first = compressor.compressed(Buffer.from('abcdef'), 3);
  compressor.compressed(Buffer.from('uvwxyz'));
  expect(Buffer.from(first).toString('latin1')).toBe('\u0001abc');
  expect(first.buffer.byteLength).toBe(4);
});

it.each<[string, () => WholeWrite | undefined]>([
  ['Node has no such internals', () => undefined],
  ['a call fails', () => () => undefined],
  ['a result may be cut', () => (_from, _bytes, to) => to.byteLength],
])('compresses without the context when %s, and asks it no more', (_, open) => {
  const write = vi.fn(open() ?? (() => undefined));
  const opened = vi.fn(() => (open() === undefined ? undefined : write));
  const compressor = compressorOf(opened);
  for (const bytes of [500, 600]) {
    const result = compressor.compressed(text(1000), bytes);
    expect(inflateRawSync(result).equals(text(bytes))).toBe(true);
  }
  expect(opened).toHaveBeenCalledOnce();
  expect(write.mock.calls.length).toBe(open() === undefined ? 0 : 1);
});
