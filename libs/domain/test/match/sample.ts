/** A bundle as SPEC.md's payload 12 has it, and its parts for changes. */
export const NOW = '2027-01-11T09:01:00.000Z';

export const samplePatient = () => ({
  resourceType: 'Patient',
  id: 'pp-1',
  name: [{ family: 'Johnson', given: ['Robert'] }],
  gender: 'male',
  birthDate: '1965-08-15',
});

export const sampleCoverage = () => ({
  resourceType: 'Coverage',
  id: 'pc-1',
  status: 'active',
  subscriberId: 'M0001',
  beneficiary: { reference: 'Patient/pp-1' },
  relationship: {
    coding: [{ system: 'http://terminology.hl7.org/CodeSystem/subscriber-relationship', code: 'self' }],
  },
  payor: [
    { identifier: { system: 'urn:oid:2.16.840.1.113883.6.300', value: '12345' }, display: 'Example Health Plan' },
  ],
});

const NPI = 'http://hl7.org/fhir/sid/us-npi';
const sampleConsent = () => ({
  resourceType: 'Consent',
  id: 'att-1',
  status: 'active',
  scope: { coding: [{ system: 'http://terminology.hl7.org/CodeSystem/consentscope', code: 'patient-privacy' }] },
  category: [{ coding: [{ system: 'http://terminology.hl7.org/CodeSystem/v3-ActCode', code: 'IDSCL' }] }],
  patient: { reference: 'Patient/pp-1' },
  dateTime: '2027-01-11T09:00:00Z',
  performer: [{ identifier: { system: NPI, value: '1234567893' }, display: 'Dr. Ada Reyes' }],
  organization: [{ identifier: { system: NPI, value: '1982947230' }, display: 'Clinic' }],
  policy: [{ uri: 'https://clinic.example/treatment-attestation' }],
  provision: { type: 'permit', period: { start: '2027-01-11' } },
});

export type Json = Record<string, unknown>;
/** A bundle with changed elements. An element that is `undefined` is left out. */
export const sampleBundle = (
  changes: { readonly patient?: Json; readonly coverage?: Json; readonly consent?: Json } = {},
): { name: string; part: { name: string; resource: Json }[] } =>
  JSON.parse(
    JSON.stringify({
      name: 'MemberBundle',
      part: [
        { name: 'MemberPatient', resource: { ...samplePatient(), ...changes.patient } },
        { name: 'CoverageToMatch', resource: { ...sampleCoverage(), ...changes.coverage } },
        { name: 'Consent', resource: { ...sampleConsent(), ...changes.consent } },
      ],
    }),
  ) as { name: string; part: { name: string; resource: Json }[] };
