import { randomInt } from 'node:crypto';
import { afterAll, beforeAll, expect, test } from 'vitest';
import type { FhirResource } from '@provider-access/fhir';
import { npiOf } from '@provider-access/synthetic';
import { describeUnless } from './describe-unless.ts';
import { type Fresh, freshPlatform, registerApp } from './harness.ts';
import { publishTaken } from './payers.ts';
import { findGroup, http, json, payerEvent, sealed, texts } from './road.ts';
import { errorsOf, HAS_VALIDATOR } from './validator.ts';

const NPI = npiOf(randomInt(1e8));
const ATR = 'http://hl7.org/fhir/us/davinci-atr/StructureDefinition/atr-';
const NPI_SYSTEM = 'http://hl7.org/fhir/sid/us-npi';
const MEMBERS = ['list-1', 'list-2', 'list-3'];
const TYPES = ['Group', 'Patient', 'Coverage', 'RelatedPerson', 'Practitioner', 'PractitionerRole', 'Organization'];
const memberNumber = (member: string) => [
  {
    type: { coding: [{ system: 'http://terminology.hl7.org/CodeSystem/v2-0203', code: 'MB' }] },
    system: 'https://payer.example/members',
    value: member,
  },
];
const declares = (name: string) => ({ meta: { profile: [`${ATR}${name}`] } });

/** What a payer sends of a member who is to be listed (A16). */
const ofMember = (member: string): readonly FhirResource[] => [
  {
    resourceType: 'Patient',
    id: member,
    ...declares('patient'),
    identifier: memberNumber(member),
    name: [{ family: 'Listed', given: [member] }],
    gender: 'female',
    birthDate: '1980-02-03',
  },
  {
    resourceType: 'RelatedPerson',
    id: `rel-${member}`,
    ...declares('relatedperson'),
    active: true,
    patient: { reference: `Patient/${member}` },
    relationship: [
      { coding: [{ system: 'http://terminology.hl7.org/CodeSystem/v3-RoleCode', code: 'SPS', display: 'spouse' }] },
    ],
    name: [{ family: 'Subscriber' }],
  },
  {
    resourceType: 'Coverage',
    id: `cov-${member}`,
    ...declares('coverage'),
    identifier: memberNumber(member),
    status: 'active',
    subscriber: { reference: `RelatedPerson/rel-${member}` },
    subscriberId: `S-${member}`,
    beneficiary: { reference: `Patient/${member}` },
    relationship: {
      coding: [{ system: 'http://terminology.hl7.org/CodeSystem/subscriber-relationship', code: 'spouse' }],
    },
    period: { start: '2025-01-01' },
    payor: [{ reference: 'Organization/payer' }],
    class: [
      {
        type: { coding: [{ system: 'http://terminology.hl7.org/CodeSystem/coverage-class', code: 'plan' }] },
        value: 'P-1',
        name: 'Plan one',
      },
    ],
  },
];
const directory: readonly FhirResource[] = [
  {
    resourceType: 'Practitioner',
    id: 'list-doctor',
    ...declares('practitioner'),
    identifier: [{ system: NPI_SYSTEM, value: NPI }],
    name: [{ family: 'Doctor', given: ['Dora'] }],
  },
  {
    resourceType: 'Organization',
    id: 'list-clinic',
    ...declares('organization'),
    identifier: [{ system: NPI_SYSTEM, value: npiOf(randomInt(1e8)) }],
    active: true,
    name: 'List clinic',
  },
  {
    resourceType: 'PractitionerRole',
    id: 'list-role',
    ...declares('practitionerrole'),
    practitioner: { reference: 'Practitioner/list-doctor' },
    organization: { reference: 'Organization/list-clinic' },
    telecom: [{ system: 'phone', value: '555-0100' }],
  },
];

describeUnless(HAS_VALIDATOR ? undefined : "HL7's validator is not here", 'the list export by HL7’s validator', () => {
  let fresh: Fresh;
  const lines: FhirResource[] = [];
  let statement: FhirResource;
  beforeAll(async () => {
    fresh = await freshPlatform({});
    const platform = fresh.platform();
    const provider = { npi: NPI, contract: 'K-1' };
    await publishTaken(
      platform,
      payerEvent('payer.network-status-changed.v1', NPI, { npi: NPI, status: 'in-network', from: '2020-01-01' }),
      ...directory.map((resource) => payerEvent('payer.provider-recorded.v1', NPI, { resource })),
      payerEvent('payer.list-changed.v1', NPI, {
        ...{ provider: { npi: NPI }, contract: 'K-1', contractSystem: 'https://payer.example/k', status: 'final' },
        ...{ validFrom: '2025-01-01', validTo: '2026-12-31', name: 'The list' },
        ...{ acoIds: [{ system: 'https://payer.example/aco', value: 'A1' }], recipient: { value: 'R-1' } },
      }),
      ...MEMBERS.flatMap((member) => [
        payerEvent('payer.member-enrolled.v1', member, { coverageId: `cov-${member}`, from: '2025-01-01' }),
        ...ofMember(member).map((resource) => payerEvent('payer.resource-recorded.v1', member, { resource })),
        payerEvent('payer.attribution-asserted.v1', member, {
          ...{ provider, from: '2025-01-01', coverageId: `cov-${member}` },
        }),
      ]),
    );
    const app = await registerApp(platform, { name: 'Lists', npi: NPI });
    const token = await app.tokens.get();
    const { id } = await findGroup(platform, token, NPI);
    statement = json<FhirResource>(await http(`${platform.base}/fhir/metadata`, { token }));
    const query = `exportType=hl7.fhir.us.davinci-atr&_type=${TYPES.join()}`;
    const answer = await http(`${platform.base}/fhir/Group/${id}/$davinci-data-export?${query}`, {
      token,
      headers: { accept: 'application/fhir+json', prefer: 'respond-async' },
    });
    expect(answer.status, answer.body.toString()).toBe(202);
    const path = new URL(String(answer.headers['content-location'])).pathname;
    const files = await texts(await sealed(`${platform.base}${path}`, token), token);
    for (const text of files.values())
      lines.push(
        ...text
          .trim()
          .split('\n')
          .map((line) => JSON.parse(line) as FhirResource),
      );
  });
  afterAll(() => fresh?.dispose());

  test('has the Group, and of each member what the entry names', () => {
    const names = lines.map(({ resourceType, id }) => (resourceType === 'Group' ? 'Group' : `${resourceType}/${id}`));
    expect(names.toSorted()).toEqual(
      [
        'Group',
        ...MEMBERS.flatMap((m) => [`Patient/${m}`, `Coverage/cov-${m}`, `RelatedPerson/rel-${m}`]),
        ...directory.map(({ resourceType, id }) => `${resourceType}/${id}`),
      ].toSorted(),
    );
  });
  test('A4 to A8, A16, A17, E82: has no errors', { timeout: 600_000 }, () => {
    // E80, E82: the statement, which claims ATR with this export.
    const claims = (statement as unknown as { readonly implementationGuide: readonly string[] }).implementationGuide;
    expect(claims.some((guide) => guide.includes('davinci-atr'))).toBe(true);
    const checked = [...lines, statement];
    const errors = errorsOf(checked, 'all');
    expect(errors.flatMap((some, at) => some.map((issue) => [checked[at]!.resourceType, issue.at, issue.msg]))).toEqual(
      [],
    );
  });
});
