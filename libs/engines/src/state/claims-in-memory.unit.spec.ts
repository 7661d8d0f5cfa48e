import { expect, test } from 'vitest';
import { ClaimsInMemory, MOST_BRIDGING } from './claims-in-memory.ts';

test('forgets the oldest claims, and keeps one that its owner makes again', async () => {
  const claims = new ClaimsInMemory(() => 0);
  const of = (from: number, count: number) =>
    Array.from({ length: count }, (_, i) => ({ key: `k${from + i}`, owner: 'm1', expiresAt: 1 }));
  await claims.claimMany('n', of(0, MOST_BRIDGING));
  await claims.claimMany('n', of(0, 1));
  await claims.claimMany('n', of(MOST_BRIDGING, 1));
  expect(await Promise.all(['k0', 'k1', 'k2'].map((key) => claims.get('n', key)))).toEqual(['m1', undefined, 'm1']);
});
