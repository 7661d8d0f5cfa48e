import { describe, expect, it } from 'vitest';
import { isNpi } from '@provider-access/events';
import { mbiOf, npiOf } from './identifiers.ts';
import { syntheticPayer } from './payer.ts';
import { Random } from './random.ts';

describe('identifiers', () => {
  it('makes valid NPIs', () => {
    for (let i = 0; i < 1_000; i++) expect(isNpi(npiOf(i * 97))).toBe(true);
  });

  it("makes MBIs that can be nobody's: S in second place, no S, L, O, I, B, Z elsewhere", () => {
    for (let i = 0; i < 500; i++) {
      const mbi = mbiOf(Random.keyed('mbi', i));
      expect(mbi).toMatch(/^\dS/);
      expect(mbi).toHaveLength(11);
      expect(mbi.slice(2)).not.toMatch(/[SLOIBZ]/);
      expect(mbi).toMatch(/^[1-9].[0-9A-Y]\d[A-Y][0-9A-Y]\d[A-Y]{2}\d{2}$/);
    }
  });

  it('gives every provider of a roster its own NPI and every organization a TIN of nine digits', () => {
    const { providerOrganizations: organizations } = syntheticPayer({
      seed: 'x',
      members: 0,
      asOf: '2026-11-24T12:00:00Z',
    });
    const npis = organizations.flatMap((o) => [o.npi, ...o.practitioners.map((p) => p.npi)]);
    expect(npis.every(isNpi)).toBe(true);
    expect(new Set(npis).size).toBe(npis.length);
    expect(new Set(organizations.map((o) => o.tin)).size).toBe(organizations.length);
    for (const o of organizations) expect(o.tin).toMatch(/^\d{9}$/);
  });
});
