import { describe, expect, it } from 'vitest';

import { findMoney } from './find-money.ts';

describe('findMoney', () => {
  it.each([
    ['Money', { total: [{ amount: { value: 1, currency: 'USD' } }] }],
    ['a currency without a value', { a: { b: [{ currency: 'EUR' }] } }],
    ['Money without a currency', { item: [{ net: { value: 3 } }] }],
    ['an amount beside a category', { adjudication: [{ category: { text: 'x' }, amount: { value: 3 } }] }],
    ['cost to beneficiary', { costToBeneficiary: [] }],
    ['the remittance date', { payment: { date: '2024-01-01' } }],
    ['a currency-coded quantity', { valueQuantity: { value: 2, system: 'urn:iso:std:iso:4217', code: 'USD' } }],
    ['a quantity of dollars', { valueQuantity: { value: 2, unit: '$' } }],
    ['a quantity of USD', { valueQuantity: { value: 2, code: 'USD' } }],
    ['an extension with money', { extension: [{ url: 'x', extension: [{ url: 'y', valueMoney: {} }] }] }],
    ['an amount split over extensions', { extension: [{ url: 'http://x/currency', valueCode: 'USD' }] }],
  ])('finds %s', (_name, value) => {
    expect(findMoney({ resourceType: 'X', contained: [value] })).not.toEqual([]);
  });

  it.each([
    ['a lab value', { valueQuantity: { value: 2, unit: 'mg/dL', system: 'http://unitsofmeasure.org', code: 'mg/dL' } }],
    ['a pen of insulin', { quantity: { value: 1, unit: 'PEN' } }],
    ['the payment type', { payment: { type: { text: 'partial' } } }],
    ['an amount of medication', { amount: { numerator: { value: 1, unit: 'mL' } } }],
    ['plain values', [1, 'USD', null, true]],
  ])('does not take %s for money', (_name, value) => {
    expect(findMoney(value)).toEqual([]);
  });

  it('names the place, never the amount', () => {
    expect(findMoney({ total: [{ amount: { value: 77.7, currency: 'USD' } }] })).toEqual(['total[0].amount: currency']);
  });
});
