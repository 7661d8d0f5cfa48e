import { checkShape } from '@provider-access/fhir';
import { expect, it } from 'vitest';

import { groupResource } from './group.ts';

const input = {
  id: 'g-1001',
  versionId: '7',
  lastUpdated: '2027-01-04T06:00:00Z',
  providerNpi: '1234567893',
  tin: '12-3456789',
  contract: { system: 'https://pa.example/contracts', value: 'C-2027-88' },
  providerName: 'Riverside Clinic',
  providerReference: 'Organization/o-1',
  payer: { reference: 'Organization/payer-1', display: 'Example Health Plan' },
  members: [
    {
      member: 'p-1',
      coverageId: 'cov-1',
      from: '2027-01-01',
      change: 'new',
    },
  ],
  quantity: 1,
} as const;

it('builds the Group that the guides ask for (A6, A8, A9, A17)', () => {
  const code = {
    coding: [
      {
        system: 'http://hl7.org/fhir/us/davinci-pdex/CodeSystem/PdexMemberAttributionCS',
        code: 'pdexprovidergroup',
        display: 'PDex Provider Group',
      },
    ],
  };
  const group = groupResource(input);
  expect(checkShape(group)).toEqual([]);
  expect(group).toEqual({
    resourceType: 'Group',
    id: 'g-1001',
    meta: {
      versionId: '7',
      lastUpdated: '2027-01-04T06:00:00Z',
      profile: [
        'http://hl7.org/fhir/us/davinci-pdex/StructureDefinition/pdex-provider-group',
        'http://hl7.org/fhir/us/davinci-atr/StructureDefinition/atr-group',
      ],
    },
    extension: [
      { url: 'http://hl7.org/fhir/us/davinci-atr/StructureDefinition/ext-attributionListStatus', valueCode: 'open' },
    ],
    identifier: [
      { system: 'http://hl7.org/fhir/sid/us-npi', value: '1234567893' },
      { system: 'urn:oid:2.16.840.1.113883.4.4', value: '12-3456789' },
      { system: 'https://pa.example/contracts', value: 'C-2027-88' },
    ],
    active: true,
    type: 'person',
    actual: true,
    code,
    name: 'Riverside Clinic (contract C-2027-88)',
    quantity: 1,
    managingEntity: { reference: 'Organization/payer-1', display: 'Example Health Plan' },
    characteristic: [
      {
        code,
        valueReference: {
          identifier: { system: 'http://hl7.org/fhir/sid/us-npi', value: '1234567893' },
          display: 'Riverside Clinic',
        },
        exclude: false,
        period: { start: '2027-01-04' },
      },
    ],
    member: [
      {
        extension: [
          { url: 'http://hl7.org/fhir/us/davinci-atr/StructureDefinition/ext-changeType', valueCode: 'new' },
          {
            url: 'http://hl7.org/fhir/us/davinci-atr/StructureDefinition/ext-coverageReference',
            valueReference: { reference: 'Coverage/cov-1' },
          },
          {
            url: 'http://hl7.org/fhir/us/davinci-atr/StructureDefinition/ext-attributedProvider',
            valueReference: {
              reference: 'Organization/o-1',
              identifier: { system: 'http://hl7.org/fhir/sid/us-npi', value: '1234567893' },
              display: 'Riverside Clinic',
            },
          },
        ],
        entity: { reference: 'Patient/p-1' },
        period: { start: '2027-01-01' },
        inactive: false,
      },
    ],
  });
});

it('omits the members of a summary, marks it, and keeps their number', () => {
  const group = groupResource({ ...input, summary: true, quantity: 5000 });
  expect(checkShape(group)).toEqual([]);
  expect([group['member'], group['quantity'], (group['meta'] as { tag: { code: string }[] }).tag[0]?.code]).toEqual([
    undefined,
    5000,
    'SUBSETTED',
  ]);
});

// U10: a list of Groups showed numbers only.
it.each([
  [{ providerName: 'Riverside Clinic', providerNpi: '1234567893' }, 'Riverside Clinic'],
  [{ providerNpi: '1234567893', tin: '12-3456789' }, 'NPI 1234567893'],
  [{ tin: '12-3456789' }, 'TIN 12-3456789'],
  [{ tin: '12-3456789', contract: { system: 's', value: 'K' } }, 'TIN 12-3456789 (contract K)'],
  [{ providerName: '', providerNpi: '1234567893' }, 'NPI 1234567893'],
  [{}, undefined],
])('names the list after its provider: %j', (provider, name) => {
  const { id, versionId, lastUpdated, payer, members, quantity } = input;
  expect(groupResource({ id, versionId, lastUpdated, payer, members, quantity, ...provider })['name']).toBe(name);
});

it('is valid with nothing but a TIN and no member', () => {
  const least = groupResource({
    id: 'g',
    versionId: '1',
    lastUpdated: '2027-01-04T06:00:00Z',
    tin: '12-3456789',
    payer: { reference: 'Organization/p' },
    members: [],
    quantity: 0,
  });
  expect(checkShape(least)).toEqual([]);
  expect([least['member'], least['quantity']]).toEqual([undefined, 0]);
});

it.each([
  [{}, { extension: [{ url: expect.stringMatching(/data-absent-reason$/), valueCode: 'unknown' }] }],
  [{ display: 'Example Health Plan' }, { display: 'Example Health Plan' }],
  [{ identifier: { system: 's', value: 'v' } }, { identifier: { system: 's', value: 'v' } }],
])('names a payer that is %j by nothing that does not resolve', (payer, managingEntity) => {
  const group = groupResource({ ...input, payer });
  expect(checkShape(group)).toEqual([]);
  expect(group['managingEntity']).toEqual(managingEntity);
});
