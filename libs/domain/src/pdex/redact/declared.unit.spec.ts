import { describe, expect, it } from 'vitest';
import type { FhirResource } from '@provider-access/fhir';
import { redact } from './redact.ts';

const CARIN = 'http://hl7.org/fhir/us/carin-bb/StructureDefinition/C4BB-';
const US_CORE = 'http://hl7.org/fhir/us/core/StructureDefinition/us-core-';
const PDEX = 'http://hl7.org/fhir/us/davinci-pdex/StructureDefinition/pdex-';
const OWN = 'https://payer.example/StructureDefinition/claim';

const claim = (profile: unknown, extra: object = {}): FhirResource =>
  ({ resourceType: 'ExplanationOfBenefit', id: 'e', meta: { profile }, use: 'claim', ...extra }) as FhirResource;
const MONEY = { total: [{ category: { text: 'submitted' }, amount: { value: 1, currency: 'USD' } }] };
const declaredBy = (resource: FhirResource): unknown => {
  const { resource: kept } = redact(resource);
  expect(redact(kept).resource).toBe(kept);
  return (kept['meta'] as { profile?: unknown } | undefined)?.profile;
};

describe('meta.profile of a redacted claim', () => {
  it.each(['Inpatient-Institutional', 'Outpatient-Institutional', 'Professional-NonClinician', 'Oral', 'Pharmacy'])(
    'is the Basis profile instead of the financial one: %s',
    (kind) => {
      const financial = `${CARIN}ExplanationOfBenefit-${kind}`;
      expect(declaredBy(claim([financial], MONEY))).toEqual([`${financial}-Basis`]);
      expect(declaredBy(claim([`${financial}|2.2.0`], MONEY))).toEqual([`${financial}-Basis|2.2.0`]);
      // There was no Basis profile before 2.1.0.
      expect(declaredBy(claim([`${financial}|2.0.0`], MONEY))).toEqual([`${financial}-Basis`]);
      expect(declaredBy(claim([`${financial}|1.1.0`]))).toEqual([`${financial}-Basis`]);
      expect(declaredBy(claim([`${financial}-Basis`], MONEY))).toEqual([`${financial}-Basis`]);
      expect(declaredBy(claim([`${financial}|2.1.0`, `${financial}-Basis|2.1.0`]))).toEqual([
        `${financial}-Basis|2.1.0`,
      ]);
    },
  );

  it('loses a profile that nobody here knows if the claim lost something, and keeps it otherwise', () => {
    expect(declaredBy(claim([OWN, `${CARIN}ExplanationOfBenefit-Oral`], MONEY))).toEqual([
      `${CARIN}ExplanationOfBenefit-Oral-Basis`,
    ]);
    expect(declaredBy(claim([OWN]))).toEqual([OWN]);
  });

  it('leaves no empty list and no empty meta behind', () => {
    expect(redact(claim([OWN], MONEY)).resource).toEqual({
      resourceType: 'ExplanationOfBenefit',
      id: 'e',
      use: 'claim',
    });
  });
});

describe('meta.profile of other resources', () => {
  it('of a prior authorization stays the one of PDex, and is no profile of claims', () => {
    const use = 'preauthorization';
    expect(
      declaredBy(claim([`${PDEX}priorauthorization`, `${CARIN}ExplanationOfBenefit-Pharmacy`], { use, ...MONEY })),
    ).toEqual([`${PDEX}priorauthorization`]);
  });

  it('of a Coverage stays without its cost to the beneficiary', () => {
    const profile = [`${CARIN}Coverage`, `${US_CORE}coverage|6.1.0`, `${US_CORE}coverage|3.1.1`, OWN];
    const costToBeneficiary = [{ type: { text: 'copay' }, valueMoney: { value: 1, currency: 'USD' } }];
    expect(declaredBy({ resourceType: 'Coverage', id: 'c', meta: { profile }, costToBeneficiary })).toEqual(
      profile.slice(0, 3),
    );
  });

  it('of a clinical resource, and of one inside another, follows the same rules', () => {
    const profile = [`${US_CORE}condition-encounter-diagnosis`, OWN];
    expect(declaredBy({ resourceType: 'Condition', id: 'c', meta: { profile } })).toEqual(profile);
    const contained = [claim([`${CARIN}ExplanationOfBenefit-Oral`], MONEY)];
    const outer = redact({ resourceType: 'Condition', id: 'c', meta: { profile }, contained }).resource;
    expect(outer).toMatchObject({
      meta: { profile: [profile[0]] },
      contained: [{ meta: { profile: [`${CARIN}ExplanationOfBenefit-Oral-Basis`] } }],
    });
  });

  it('is left alone if it is no list', () => {
    const odd = { resourceType: 'Condition', id: 'c', meta: { profile: OWN } } as FhirResource;
    expect(redact(odd).resource['meta']).toEqual(odd['meta']);
  });
});
