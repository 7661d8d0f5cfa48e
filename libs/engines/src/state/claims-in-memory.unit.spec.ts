import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';
import { expect, test } from 'vitest';
import { ClaimsInMemory, MOST_BRIDGING } from './claims-in-memory.ts';

const of = (from: number, count: number, owner = 'm1', expiresAt = 1) =>
  Array.from({ length: count }, (_, i) => ({ key: `k${from + i}`, owner, expiresAt }));

test('forgets the oldest claims, and keeps one that its owner makes again', async () => {
  const claims = new ClaimsInMemory(() => 0);
  await claims.claimMany('n', of(0, MOST_BRIDGING));
  await claims.claimMany('n', of(0, 1));
  await claims.claimMany('n', of(MOST_BRIDGING, 1));
  expect(await Promise.all(['k0', 'k1', 'k2'].map((key) => claims.get('n', key)))).toEqual(['m1', undefined, 'm1']);
});

test('keeps the owner and the end of each claim of one call', async () => {
  let now = 0;
  const claims = new ClaimsInMemory(() => now);
  await claims.claimMany('n', [...of(0, 2, 'm1', 10), ...of(2, 1, 'm2', 10), ...of(3, 1, 'm1', 20), ...of(4, 1)]);
  await claims.claimMany('n', [{ key: 'k5', owner: 'm1' }]);
  const owners = () => Promise.all([0, 1, 2, 3, 4, 5].map((n) => claims.get('n', `k${n}`)));
  expect(await owners()).toEqual(['m1', 'm1', 'm2', 'm1', 'm1', 'm1']);
  now = 5;
  expect(await owners()).toEqual(['m1', 'm1', 'm2', 'm1', undefined, 'm1']);
  now = 15;
  expect(await owners()).toEqual([undefined, undefined, undefined, 'm1', undefined, 'm1']);
});

test('a claim takes an entry of a map and nothing else', async () => {
  setFlagsFromString('--expose-gc');
  const used = (): number => {
    (runInNewContext('gc') as () => void)();
    return process.memoryUsage().heapUsed;
  };
  // The keys live elsewhere while they are claimed, so they do not count.
  const entries = of(0, MOST_BRIDGING).map((entry, i) => ({ ...entry, owner: `m${i % 8}`, expiresAt: Date.now() }));
  const claims = new ClaimsInMemory(() => 0);
  const before = used();
  for (let at = 0; at < entries.length; at += 256) await claims.claimMany('n', entries.slice(at, at + 256));
  const bytes = (used() - before) / MOST_BRIDGING;
  expect(await claims.get('n', entries[0]!.key)).toBe('m0');
  expect(bytes).toBeLessThan(60);
});
