import fc from 'fast-check';
import { describe, expect, inject, test } from 'vitest';
import { cases, variant } from './variant.ts';

describe('random choices', () => {
  test('are those of the seed of the suite, in property tests too', () => {
    expect(variant.seed).toBe(inject('seed'));
    expect(fc.readConfigureGlobal().seed).toBe(inject('seed'));
    const drawn: number[][] = [[], []];
    for (const numbers of drawn)
      fc.assert(
        fc.property(fc.integer(), (n) => void numbers.push(n)),
        { numRuns: 10 },
      );
    expect(drawn[0]).toEqual(drawn[1]);
  });

  test('are twenty times as many in the long suites', () => {
    let tried = 0;
    fc.assert(fc.property(fc.integer(), () => void tried++));
    expect(tried).toBe(inject('long') ? 2000 : 100);
    expect(cases(5)).toBe(inject('long') ? 100 : 5);
  });
});
