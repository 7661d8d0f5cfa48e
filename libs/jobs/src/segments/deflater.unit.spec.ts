import fc from 'fast-check';
import type { WholeWrite } from '@provider-access/kernel';
import { cases } from '@provider-access/testing/variant';
import { constants, deflateRawSync, inflateRawSync } from 'node:zlib';
import { expect, it, vi } from 'vitest';
import { openDeflate, segmentDeflater } from './deflater.ts';

/** Node's own function, with a context for each call. */
const alone = (lines: Uint8Array): Buffer => deflateRawSync(lines, { level: 1, finishFlush: constants.Z_FULL_FLUSH });
const lines = (bytes: number): Buffer => Buffer.alloc(bytes, '{"resourceType":"Goal","id":"a","note":"Zoë"}\n');
/** Bytes that no compression makes shorter. */
function noise(bytes: number): Buffer {
  let state = 1;
  return Buffer.from(Array.from({ length: bytes }, () => (state = (state * 48_271) % 2_147_483_647) >> 8));
}

it('gives the bytes of a context of its own, whatever came before', () => {
  const deflater = segmentDeflater();
  const some = fc.oneof(
    fc.string({ unit: 'grapheme', maxLength: 300 }).map((text) => Buffer.from(text)),
    fc.nat(200_000).map(lines),
    fc.nat(70_000).map(noise),
  );
  fc.assert(
    fc.property(some, (bytes) => {
      expect(Buffer.from(deflater.compressed(bytes)).equals(alone(bytes))).toBe(true);
    }),
    { numRuns: cases(300) },
  );
});

it('compresses each segment of a megabyte or less in one context, one that no compression makes shorter too', () => {
  const writes: number[] = [];
  const open = vi.fn(() => {
    const write = openDeflate()!;
    return ((from, bytes, to) => (writes.push(bytes), write(from, bytes, to))) satisfies WholeWrite;
  });
  const deflater = segmentDeflater(open);
  const sizes = [1, 100, 70_000, 1024 * 1024, 10];
  for (const size of sizes) for (const bytes of [noise(size), lines(size)]) deflater.compressed(bytes);
  deflater.compressed(lines(1024 * 1024 + 1));
  expect(open).toHaveBeenCalledOnce();
  expect(writes).toEqual(sizes.flatMap((size) => [size, size]));
});

it('gives segments that are decoded together', () => {
  const deflater = segmentDeflater();
  const given = [lines(9000), noise(300_000), lines(0), lines(1), lines(3_000_000), noise(20)];
  const bytes = Buffer.concat(given.map((segment) => deflater.compressed(segment)));
  const read = inflateRawSync(bytes, { finishFlush: constants.Z_SYNC_FLUSH });
  expect(read.equals(Buffer.concat(given))).toBe(true);
});
