import { describe, expect, it } from 'vitest';
import { isNpi, isSyntheticMbi, mbiOf, npiOf } from './identifiers.ts';
import { syntheticPayer } from './payer.ts';
import { Random } from './random.ts';

describe('identifiers', () => {
  it('knows the NPI of the regulation, and every single wrong digit of it', () => {
    expect(isNpi('1234567893')).toBe(true);
    for (let i = 0; i < 10; i++)
      for (let d = 0; d < 10; d++) {
        const other = `${'1234567893'.slice(0, i)}${d}${'1234567893'.slice(i + 1)}`;
        expect(isNpi(other)).toBe(other === '1234567893');
      }
    for (const bad of ['123456789', '12345678930', '0234567893', 'abcdefghij', '']) expect(isNpi(bad)).toBe(false);
  });

  it('makes valid NPIs', () => {
    for (let i = 0; i < 1_000; i++) expect(isNpi(npiOf(i * 97))).toBe(true);
  });

  it("makes MBIs that can be nobody's: S in second place, no S, L, O, I, B, Z elsewhere", () => {
    for (let i = 0; i < 500; i++) {
      const mbi = mbiOf(Random.keyed('mbi', i));
      expect(mbi).toMatch(/^\dS/);
      expect(mbi).toHaveLength(11);
      expect(mbi.slice(2)).not.toMatch(/[SLOIBZ]/);
      expect(isSyntheticMbi(mbi)).toBe(true);
    }
    for (const bad of ['1EG4TE5MK73', '1S', '0S1A1A1AA11']) expect(isSyntheticMbi(bad)).toBe(false);
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
