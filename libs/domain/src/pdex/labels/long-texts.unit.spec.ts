import { describe, expect, it } from 'vitest';
import type { FhirResource } from '@provider-access/fhir';
import { identifierKeys, normalLabel, permitsOf, withoutDrugs } from './index.ts';

/**
 * A text of a resource has up to a megabyte. A regular expression that tries each letter as the first one needs an hour
 * for it, and the partition of the event stands still. Such an expression needs a minute here.
 */
const LONG = 100_000;
const slashes = `http:${'/'.repeat(LONG)}x`;
const item = (system: string, code: string) => ({ sequence: 1, productOrService: { coding: [{ system, code }] } });
const authorization = (extra: object): FhirResource => ({
  resourceType: 'ExplanationOfBenefit',
  id: 'a1',
  use: 'preauthorization',
  ...extra,
});

describe('a long text', () => {
  it('is the system of an identifier', () => {
    const [own, other] = [slashes, 'http:x'].map((system) => identifierKeys([{ system, value: '1' }]));
    expect([own!.length, own![1] === other![1], own![0] === other![0]]).toEqual([2, true, false]);
  });

  it('is the system of a label', () => {
    expect(normalLabel(`${slashes}|R`)).toBe(`${slashes}|R`);
    expect(normalLabel(`x${'?'.repeat(LONG)}x|R`)).toMatch(/\|R$/);
  });

  it('is the system of a label in a Consent', () => {
    const consent = {
      resourceType: 'Consent',
      status: 'active',
      scope: { coding: [{ system: 'http://terminology.hl7.org/CodeSystem/consentscope', code: 'patient-privacy' }] },
      provision: { type: 'permit', securityLabel: [{ system: slashes, code: 'R' }] },
    };
    expect(permitsOf(consent, 0)).toEqual([{ label: `${slashes}|R` }]);
  });

  it('is the system of a product', () => {
    const resource = authorization({ item: [item(slashes, 'J0135')] });
    expect(withoutDrugs(resource)).toMatchObject({ resource, removed: {} });
  });

  it('is a reference of a prior authorization that loses its drugs', () => {
    const HCPCS = 'https://www.cms.gov/Medicare/Coding/HCPCSReleaseCodeSets';
    const resource = authorization({
      item: [item(HCPCS, 'J0135'), { ...item(HCPCS, 'E0601'), sequence: 2, informationSequence: [1] }],
      supportingInfo: [{ sequence: 1, category: { text: 'x' }, valueReference: { reference: 'A'.repeat(LONG) } }],
    });
    expect(withoutDrugs(resource).removed).toEqual({ 'ExplanationOfBenefit.item -> drug': 1 });
  });
});
