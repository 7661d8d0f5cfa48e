import type { DomainEvent } from '@provider-access/events';
import { payerEvent } from './road.ts';

/** Requests of `$provider-member-match`, and the members whom they find. */

/** How the payer is named in a Coverage. */
export const PAYER = 'urn:oid:2.16.840.1.113883.6.300|12345';
/** The scope that permits a match alone. */
export const MATCH = 'http://hl7.org/fhir/us/davinci-pdex/OperationDefinition/ProviderMemberMatch';

export interface Person {
  readonly member: string;
  readonly family: string;
  readonly given: string;
  readonly birthDate: string;
  readonly subscriber: string;
}
/** One of a few different people, by number. */
export const person = (at: number): Person => ({
  member: `m-match-${at}`,
  family: ['Johnson', 'Okafor', 'Núñez', 'Smith-Jones', 'Lee'][at % 5]!,
  given: ['Robert', 'Ada', 'Luz', 'Mia', 'Kim'][at % 5]!,
  birthDate: `19${60 + at}-0${1 + (at % 9)}-15`,
  subscriber: `SUB-00${at}`,
});
const name = ({ family, given }: Person) => [{ family, given: [given] }];
/** The member as the payer knows it. Its Patient and Coverage have the ids by which it is found. */
export const eventsOf = (one: Person): DomainEvent[] => {
  const { member, birthDate, subscriber } = one;
  const coverage = {
    resourceType: 'Coverage',
    id: `${member}-coverage`,
    status: 'active',
    subscriberId: subscriber,
    beneficiary: { reference: `Patient/${member}` },
    payor: [{ identifier: { system: PAYER.split('|')[0], value: '12345' } }],
    relationship: { text: 'self' },
    identifier: [
      {
        type: { coding: [{ system: 'http://terminology.hl7.org/CodeSystem/v2-0203', code: 'MB' }] },
        system: 'https://payer.example/members',
        value: subscriber,
      },
    ],
  };
  const patient = { resourceType: 'Patient', id: member, name: name(one), gender: 'female', birthDate };
  const condition = {
    resourceType: 'Condition',
    id: `${member}-asthma`,
    code: { text: 'asthma' },
    subject: { reference: `Patient/${member}` },
  };
  return [
    payerEvent('payer.member-enrolled.v1', member, { coverageId: `${member}-coverage`, from: '2020-01-01' }),
    ...[patient, coverage, condition].map((resource) => payerEvent('payer.resource-recorded.v1', member, { resource })),
  ];
};

/** As a provider's system knows the person, which has another id there. */
export function bundleOf(one: Person, place: number, npi: string, status = 'active'): object {
  const id = `p${place}`;
  const today = new Date().toISOString();
  const resources = {
    MemberPatient: { resourceType: 'Patient', id, name: name(one), gender: 'female', birthDate: one.birthDate },
    CoverageToMatch: {
      resourceType: 'Coverage',
      id: `c${place}`,
      status: 'active',
      subscriberId: one.subscriber,
      beneficiary: { reference: `Patient/${id}` },
      relationship: {
        coding: [{ system: 'http://terminology.hl7.org/CodeSystem/subscriber-relationship', code: 'self' }],
      },
      payor: [{ identifier: { system: PAYER.split('|')[0], value: '12345' } }],
    },
    Consent: {
      resourceType: 'Consent',
      id: `a${place}`,
      status,
      scope: { coding: [{ system: 'http://terminology.hl7.org/CodeSystem/consentscope', code: 'patient-privacy' }] },
      category: [{ coding: [{ system: 'http://terminology.hl7.org/CodeSystem/v3-ActCode', code: 'IDSCL' }] }],
      patient: { reference: `Patient/${id}` },
      dateTime: today,
      performer: [{ identifier: { system: 'http://hl7.org/fhir/sid/us-npi', value: npi } }],
      policy: [{ uri: 'https://clinic.example/treatment-attestation' }],
      provision: { type: 'permit' },
    },
  };
  return {
    name: 'MemberBundle',
    part: Object.entries(resources).map(([part, resource]) => ({ name: part, resource })),
  };
}
export const requestOf = (...bundles: readonly object[]): string =>
  JSON.stringify({ resourceType: 'Parameters', parameter: bundles });
