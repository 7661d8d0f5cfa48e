import fc from 'fast-check';
import { cases } from '@provider-access/testing/variant';
import { describe, expect, it } from 'vitest';

import { maskAmounts, maskNote } from './mask.ts';

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
    [
      'CAD 12.50, 1,200.00 INR, INR 350 000 and AUD 1.200,00',
      '[amount removed], [amount removed], [amount removed] and [amount removed]',
    ],
  ])('removes the amount from %j', (text, expected) => {
    expect(maskAmounts(text)).toBe(expected);
  });

  it.each([
    'Item 2 denied: see criteria PT-14.',
    'lost 10 pounds on 5 mg',
    'CPT 99213 x 2',
    '100 percent',
    'Claim/9cad-1',
    'approved 6 units',
    'CAD 3 vessels, CHF 3',
    'INR 2.5',
    'INR: 2.35',
    'PT/INR 12.75',
    '3 AED',
    '20 per cent',
    'one hundred per cent',
    'PHP 5 days',
  ])('leaves %j alone', (text) => {
    expect(maskAmounts(text)).toBe(text);
  });

  it('is idempotent over anything built from its own parts', () => {
    const part = fc.constantFrom(
      '$',
      '€',
      'USD',
      ' ',
      '5',
      '12.50',
      'dollars',
      'US',
      '-',
      '(',
      ')',
      'two',
      'hundred',
      'k',
      ',',
      '[amount removed]',
      'x',
    );
    fc.assert(
      fc.property(fc.array(part, { maxLength: 12 }), (parts) => {
        const once = maskAmounts(parts.join(''));
        return maskAmounts(once) === once;
      }),
      { numRuns: cases(500) },
    );
  });
});

describe('maskNote', () => {
  it.each([
    ['Copay 20 applied.', 'Copay [amount removed] applied.'],
    ['Deductible met: 250.00. Approved 6 units.', 'Deductible met: [amount removed]. Approved 6 units.'],
    ['Paid on 2024-02-02 by check 4711.', 'Paid on [amount removed] by check [amount removed].'],
    ['Item 2: patient responsibility is 1,250', 'Item 2: patient responsibility is [amount removed]'],
    ['Coinsurance of 20% after line 3', 'Coinsurance of [amount removed] after line 3'],
    ['120.00 went to your plan year', '[amount removed] went to your plan year'],
    ['You owe USD 12 or 15', 'You owe [amount removed] or [amount removed]'],
    ['Allowed 120, 3 visits allowed', 'Allowed [amount removed], 3 visits allowed'],
  ])('removes the amounts from %j', (text, expected) => {
    expect(maskNote(text)).toBe(expected);
  });

  it.each([
    'Item 2 denied: see criteria PT-14.',
    'Approved 6 units until 2024-06-30.',
    'Denied due to criteria 12.',
    'Allowed units: 6 units',
    'The charge exceeds the fee schedule.',
    'Service was 2.50 mg, 3.25 mL twice',
    'Discharged after 3 days',
    'See policy 4.11',
  ])('leaves %j alone', (text) => {
    expect(maskNote(text)).toBe(text);
  });

  it('is idempotent over anything built from its own parts', () => {
    const part = fc.constantFrom(
      '$',
      'USD',
      ' ',
      '5',
      '12.50',
      '. ',
      'paid',
      'copay',
      'item ',
      'units',
      '-',
      '/',
      '%',
      '(',
      ')',
      '[amount removed]',
      'x',
      'total',
      ',',
    );
    fc.assert(
      fc.property(fc.array(part, { maxLength: 14 }), (parts) => {
        const once = maskNote(parts.join(''));
        return maskNote(once) === once;
      }),
      { numRuns: cases(1000) },
    );
  });
});
