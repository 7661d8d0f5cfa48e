import { CARDIOLOGY, identifiersOf, isWithin, reachOf, scopeTable, SURGERY } from '@provider-access/testing/promises';
import { expect, test } from 'vitest';

/** The reference of the scopes against the table by hand, with which every gate is compared too (e2e). */
const P = { npi: '1234567893', tin: '111111111' };
const OTHER = { npi: '1679576722' };
const STRANGER = '1992999825';

test.each(scopeTable({ p: P, other: OTHER, stranger: STRANGER }))('$what', ({ data, type, p, other }) => {
  const reach = type === 'none' ? { identifiers: [] } : reachOf(data, type === 'payer.member-opted-out.v1');
  const verdict = (provider: object, specialty: string | undefined): string =>
    reach === undefined ||
    identifiersOf(provider).some((id) => reach.identifiers?.includes(id) === true) ||
    (reach.categories !== undefined && isWithin(reach.categories, specialty))
      ? 'deny'
      : 'permit';
  expect([verdict(P, CARDIOLOGY), verdict(OTHER, SURGERY)]).toEqual([p, other]);
  // N7: whose specialty is unknown is in every category.
  if (reach?.categories !== undefined) expect(verdict(OTHER, undefined)).toBe('deny');
});
