import { expect, it } from 'vitest';
import { murmur2, partitionFor } from './murmur2.ts';

// Vectors of Kafka's own UtilsTest.testMurmur2.
it.each([
  ['21', -973932308],
  ['foobar', -790332482],
  ['a-little-bit-long-string', -985981536],
  ['a-little-bit-longer-string', -1486304829],
  ['lkjh234lh9fiuh90y23oiuhsafujhadof229phr9h19h89h8', -58897971],
  ['abc', 479470107],
])('murmur2 of %s is what the Java client computes', (text, hash) => {
  expect(murmur2(Buffer.from(text))).toBe(hash);
});

it('masks the sign instead of negating', () => {
  expect(partitionFor('foobar', 4)).toBe((-790332482 & 0x7fffffff) % 4);
});

it('takes any text', () => {
  for (const key of ['', 'ä', '漢字', '\u{1f600}', '\ud800']) expect([0, 1, 2]).toContain(partitionFor(key, 3));
});
