import { expect, it } from 'vitest';
import { IdSet } from './id-set.ts';

it('knows each id once, as a Set of texts does, while it grows', () => {
  const ids = Array.from({ length: 30_000 }, (_, i) => `m-${(i * 7919) % 20_000}`);
  const [set, oracle] = [new IdSet(), new Set<string>()];
  for (const id of ids) {
    expect(set.add(id)).toBe(!oracle.has(id));
    oracle.add(id);
  }
  expect(set.size).toBe(20_000);
});
