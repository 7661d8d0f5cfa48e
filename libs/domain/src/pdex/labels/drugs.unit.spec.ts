import { DRUG_AUTHORIZATION } from './drugs.ts';
import { describe, expect, it } from 'vitest';
import {
  DEFAULT_LABEL_POLICY,
  excludesDrugs,
  labelsOf,
  mentionsLabel,
  policyAt,
  strictestRule,
  withDrugs,
} from './index.ts';

const coding = (system: string, code: string) => ({ coding: [{ system, code }] });
const HCPCS = 'https://www.cms.gov/Medicare/Coding/HCPCSReleaseCodeSets';
const CPT = 'http://www.ama-assn.org/go/cpt';
const NDC = 'http://hl7.org/fhir/sid/ndc';
const item = (system: string, code: string) => ({ sequence: 1, productOrService: coding(system, code) });
const authorization = (extra: object) => ({
  resourceType: 'ExplanationOfBenefit',
  use: 'preauthorization',
  type: coding('http://terminology.hl7.org/CodeSystem/claim-type', 'professional'),
  ...extra,
});
const PHARMACY = { type: coding('http://terminology.hl7.org/CodeSystem/claim-type', 'pharmacy') };

describe('a prior authorization of a drug', () => {
  it.each<[string, object]>([
    ['its type', PHARMACY],
    ['an NDC', { item: [item(NDC, '00074433902')] }],
    ['RxNorm', { item: [item('http://www.nlm.nih.gov/research/umls/rxnorm', '727373')] }],
    ['a J code of HCPCS', { item: [item(HCPCS, 'J0897')] }],
    ['a biosimilar of HCPCS', { item: [item(HCPCS, 'Q5103')] }],
    ['one of its items, which intake takes out', { item: [item(CPT, '96413'), item(HCPCS, 'J0897')] }],
    ['each of its items', { item: [item(HCPCS, 'J0897')], addItem: [item(NDC, '00074433902')] }],
  ])('is known by %s', (_, extra) => {
    const resource = authorization(extra);
    expect(labelsOf(resource)).toEqual([DRUG_AUTHORIZATION]);
    expect(mentionsLabel(JSON.stringify(resource))).toBe(true);
    expect(labelsOf({ resourceType: 'Basic', contained: [resource] })).toEqual([DRUG_AUTHORIZATION]);
  });
  it.each<[string, object]>([
    ['a service', { item: [item(CPT, '97110')] }],
    ['equipment of HCPCS', { item: [item(HCPCS, 'E0431')] }],
    ['another system with the same code', { item: [item('https://payer.example/codes', 'J0897')] }],
    ['no items', {}],
    ['a claim', { ...PHARMACY, use: 'claim' }],
  ])('is not %s', (_, extra) => {
    expect(labelsOf(authorization(extra))).toEqual([]);
  });
});

describe('the policy for prior authorizations of drugs', () => {
  const ruleAt = (drugs: string, now: string): string =>
    strictestRule([DRUG_AUTHORIZATION], policyAt(withDrugs(DEFAULT_LABEL_POLICY, drugs), Date.parse(now)).policy);
  it('withholds them, for good or until a day', () => {
    expect(strictestRule([DRUG_AUTHORIZATION], DEFAULT_LABEL_POLICY)).toBe('withhold');
    expect(ruleAt('exclude', '2099-01-01T00:00:00Z')).toBe('withhold');
    const from = '2027-10-01T12:00:00.000Z';
    expect(ruleAt(from, '2027-10-01T11:59:59Z')).toBe('withhold');
    expect(ruleAt(from, '2027-10-01T12:00:00Z')).toBe('release');
    for (const [drugs, now] of [
      ['exclude', '2099-01-01T00:00:00Z'],
      [from, '2027-10-01T11:59:59Z'],
      [from, '2027-10-01T12:00:00Z'],
    ] as const)
      expect(excludesDrugs(withDrugs(DEFAULT_LABEL_POLICY, drugs), Date.parse(now))).toBe(
        ruleAt(drugs, now) === 'withhold',
      );
    expect(excludesDrugs({}, Date.parse(from))).toBe(true);
    // A caller that does not look at the clock withholds.
    expect(strictestRule([DRUG_AUTHORIZATION], withDrugs(DEFAULT_LABEL_POLICY, from))).toBe('withhold');
  });
  it('changes nothing else at that moment, which it names', () => {
    const policy = withDrugs(DEFAULT_LABEL_POLICY, '2027-10-01T12:00:00.000Z');
    expect(policyAt(policy, 0)).toEqual({ policy, until: Date.UTC(2027, 9, 1, 12) });
    const after = policyAt(policy, Date.UTC(2028, 0));
    expect(after.until).toBe(Infinity);
    expect(Object.keys(after.policy)).toEqual(Object.keys(policy));
    expect(Object.keys(policy).filter((label) => after.policy[label] !== policy[label])).toHaveLength(1);
  });
});
