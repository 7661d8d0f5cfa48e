import { checkResourceCodes } from '@provider-access/fhir';
import { describe, expect, it } from 'vitest';

import { sampleBundle, samplePatient, sampleCoverage } from '../../../test/match/sample.ts';
import { entryParts, type ResultEntry, type ResultHead, headPart, resultLine, tailPart } from './groups.ts';

const CS = 'http://hl7.org/fhir/us/davinci-pdex/CodeSystem/PdexMultiMemberMatchResultCS';
const PROFILE = 'http://hl7.org/fhir/us/davinci-pdex/StructureDefinition/';
const NPI = 'http://hl7.org/fhir/sid/us-npi';
const head: ResultHead = {
  kind: 'matched',
  id: 'mm-42',
  lastUpdated: '2027-01-11T09:02:00Z',
  npis: ['1982947230'],
  result: { system: 'https://payer.example/fhir/identifier/match-result', value: 'mm-42' },
  payer: {
    reference: 'Organization/payer-1',
    identifier: { system: 'urn:oid:2.16.840.1.113883.6.300', value: '12345' },
  },
  from: '2027-01-11',
  to: '2027-02-10',
};
const entry: ResultEntry = {
  place: 1,
  ids: { patient: 'pp-1', coverage: 'pc-1' },
  member: 'p-1',
  patient: samplePatient(),
};
type Json = Record<string, unknown>;
const group = (of: ResultHead, entries: readonly ResultEntry[]): Json => {
  const line = JSON.parse(resultLine(of, entries)) as Json;
  expect(checkResourceCodes(line)).toEqual({ issues: [], codes: [] });
  return line;
};
const identifiers = [
  { system: NPI, value: '1982947230' },
  { system: 'https://payer.example/fhir/identifier/match-result', value: 'mm-42' },
];

it('M51, M54, M55: the matched Group is the sample of SPEC.md', () => {
  const code = (display: object) => ({ coding: [{ system: CS, code: 'match', ...display }] });
  expect(group(head, [entry])).toEqual({
    resourceType: 'Group',
    id: 'mm-42',
    meta: { lastUpdated: '2027-01-11T09:02:00Z', profile: [`${PROFILE}pdex-provider-member-match`] },
    contained: [samplePatient()],
    identifier: identifiers,
    active: true,
    type: 'person',
    actual: true,
    code: code({ display: 'Matched' }),
    quantity: 1,
    managingEntity: head.payer,
    characteristic: [
      {
        code: code({ display: 'Matched' }),
        valueReference: { identifier: identifiers[0] },
        exclude: false,
        period: { start: '2027-01-11', end: '2027-02-10' },
      },
    ],
    member: [
      {
        entity: {
          extension: [{ url: `${PROFILE}base-ext-match-parameters`, valueReference: { reference: '#pp-1' } }],
          reference: 'Patient/p-1',
        },
      },
    ],
  });
});

it('M51: an empty matched Group has quantity 0, and claims no profile that asks for a member', () => {
  const empty = group(head, []);
  expect(empty).toMatchObject({ quantity: 0, meta: { lastUpdated: head.lastUpdated } });
  expect(empty['meta']).not.toHaveProperty('profile');
  for (const element of ['member', 'contained']) expect(empty).not.toHaveProperty(element);
});

it('M52: an entry of NonMatched is the contained Patient', () => {
  const { to: _to, ...nonMatched } = { ...head, kind: 'nonmatched' as const, id: 'mn-42' };
  const { member: _member, ...missed } = entry;
  const found = group(nonMatched, [missed]);
  expect(found).toMatchObject({
    meta: { profile: [`${PROFILE}pdex-provider-member-no-match`] },
    code: { coding: [{ system: CS, code: 'nomatch', display: 'Not Matched' }] },
    contained: [samplePatient()],
    quantity: 1,
    member: [
      {
        entity: {
          extension: [{ url: `${PROFILE}base-ext-match-parameters`, valueReference: { reference: '#pp-1' } }],
          reference: '#pp-1',
        },
      },
    ],
  });
  expect(found).not.toHaveProperty('characteristic');
});

it('M52, M76: NonMatched never says which member an entry is', () => {
  const named = { ...entry, member: 'our-member-9' };
  expect(resultLine({ ...head, kind: 'nonmatched' }, [named])).not.toContain('our-member-9');
});

it('M6, M52: a bundle whose Patient is no valid FHIR has an entry with its place', () => {
  const nonMatched = { ...head, kind: 'nonmatched' as const };
  expect(group(nonMatched, [{ place: 3, ids: entry.ids }])).toMatchObject({
    quantity: 1,
    member: [{ entity: { display: 'MemberBundle 3' } }],
  });
});

it('M53: a constrained Group names our Patient and one scope of opt-outs', () => {
  const code = { coding: [{ system: CS, code: 'consentconstraint', display: 'Consent Constraint' }] };
  expect(group({ ...head, kind: 'constrained' }, [entry])).toMatchObject({
    meta: { profile: [`${PROFILE}pdex-member-opt-out`] },
    code,
    characteristic: [
      {
        code,
        valueCodeableConcept: {
          coding: [{ system: 'http://hl7.org/fhir/us/davinci-pdex/CodeSystem/opt-out-scope', code: 'global' }],
        },
        exclude: false,
        period: { start: '2027-01-11' },
      },
    ],
    member: [{ entity: { reference: 'Patient/p-1' } }],
  });
});

it('M56: each Group has another profile', () => {
  const profiles = (['matched', 'nonmatched', 'constrained'] as const).map(
    (kind) => (group({ ...head, kind }, [entry])['meta'] as { profile: string[] }).profile[0],
  );
  expect(new Set(profiles).size).toBe(3);
});

it('M58: the same patient with two coverages has the Coverage of each entry', () => {
  const twice = [
    { ...entry, coverage: sampleCoverage() },
    { ...entry, place: 2, ids: { patient: 'pp-1-2', coverage: 'pc-1-2' }, coverage: sampleCoverage() },
  ];
  const found = group(head, twice);
  expect(found['contained']).toMatchObject([
    { resourceType: 'Patient', id: 'pp-1' },
    { resourceType: 'Coverage', id: 'pc-1', beneficiary: { reference: '#pp-1' } },
    { resourceType: 'Patient', id: 'pp-1-2' },
    { resourceType: 'Coverage', id: 'pc-1-2', beneficiary: { reference: '#pp-1-2' } },
  ]);
  expect(found['member']).toMatchObject([
    {
      entity: {
        extension: [
          { url: `${PROFILE}base-ext-match-parameters`, valueReference: { reference: '#pp-1' } },
          { url: `${PROFILE}base-ext-match-coverage`, valueReference: { reference: '#pc-1' } },
        ],
      },
    },
    {},
  ]);
});

it('M75: after the expiry of what was submitted the matched Group has the entries alone', () => {
  const { patient: _patient, ...later } = entry;
  const found = group(head, [later]);
  expect(found).not.toHaveProperty('contained');
  expect(found['member']).toEqual([{ entity: { reference: 'Patient/p-1' } }]);
});

describe('parts of a line, for storage by member', () => {
  it('make the line that is rendered at once', () => {
    const entries = [entry, { ...entry, place: 2, member: 'p-2', ids: { patient: 'pp-2', coverage: 'c' } }];
    const parts = entries.map((one) => entryParts('matched', one));
    const line = [
      headPart(head),
      ',"contained":[',
      parts.map(({ contained }) => contained).join(','),
      '],"member":[',
      parts.map(({ entry: text }) => text).join(','),
      ']',
      tailPart(head, 2),
    ].join('');
    expect(line).toBe(resultLine(head, entries));
  });
  it('name no member but their own', () => {
    expect(JSON.stringify([headPart(head), tailPart(head, 1)])).not.toMatch(/p-1|Johnson/);
  });
});

it('several attesting NPIs are several identifiers and characteristics', () => {
  const found = group({ ...head, npis: ['1982947230', '1234567893'] }, [entry]);
  expect(found['identifier']).toHaveLength(3);
  expect(found['characteristic']).toHaveLength(2);
});

it('an id of a contained resource is the only change', () => {
  const [patient] = sampleBundle().part;
  const found = group(head, [{ ...entry, ids: { patient: 'made-7', coverage: 'c' }, patient: patient!.resource }]);
  expect(found['contained']).toEqual([{ ...samplePatient(), id: 'made-7' }]);
});
