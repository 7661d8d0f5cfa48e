import { expect, it } from 'vitest';
import { untilNext } from './ticks.ts';

it('lets all views of a process look in the same turn, whenever each started', () => {
  for (const now of [0, 0.4, 999.6, 1000, 5432.1]) {
    const at = now + untilNext(1000, now);
    expect(at % 1000).toBeLessThan(1);
    expect(at - now).toBeGreaterThan(0);
  }
});
