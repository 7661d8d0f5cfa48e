import fc from 'fast-check';
import { cases } from '@provider-access/testing/variant';
import { describe, expect, it } from 'vitest';

import { maskAmounts } from './mask.ts';

describe('maskAmounts', () => {
  it.each([
    ['Paid $12.50 of USD 12', 'Paid [amount removed] of [amount removed]'],
    ['12 dollars, € 3,40 and EUR5', '[amount removed], [amount removed] and [amount removed]'],
    ['twelve dollars; two hundred and fifty Dollars', '[amount removed]; [amount removed]'],
    ['US$ 40, 30 USD, 12$', '[amount removed], [amount removed], [amount removed]'],
    ['$5 $6', '[amount removed] [amount removed]'],
    ['$1,200.00 USD for 6 units', '[amount removed] for 6 units'],
    ['$12 6 units', '[amount removed] 6 units'],
    ['1.5 million dollars', '[amount removed]'],
  ])('takes the amount out of %j', (text, expected) => {
    expect(maskAmounts(text)).toBe(expected);
  });

  it.each(['Item 2 denied: see criteria PT-14.', 'lost 10 pounds on 5 mg', 'CPT 99213 x 2', '100 percent', 'Claim/9cad-1', 'approved 6 units'])('leaves %j alone', (text) => {
    expect(maskAmounts(text)).toBe(text);
  });

  it('is idempotent over anything built from its own parts', () => {
    const part = fc.constantFrom('$', '€', 'USD', ' ', '5', '12.50', 'dollars', 'US', '-', '(', ')', 'two', 'hundred', 'k', ',', '[amount removed]', 'x');
    fc.assert(fc.property(fc.array(part, { maxLength: 12 }), (parts) => {
      const once = maskAmounts(parts.join(''));
      return maskAmounts(once) === once;
    }), { numRuns: cases(500) });
  });
});
