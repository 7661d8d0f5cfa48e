/**
 * What a provider sends about a person (MATCH.md M10 to M17), and the Patient by which the payer knows the same one. It
 * imports no code of the platform.
 */

const TERMINOLOGY = 'http://terminology.hl7.org/CodeSystem';
const coded = (system: string, code: string): object => ({ coding: [{ system: `${TERMINOLOGY}/${system}`, code }] });
const MEMBER_IDS = 'https://payer.example/members';
const PERSON = { gender: 'female', birthDate: '1980-03-04' } as const;
const GIVEN = ['Ann'] as const;
/** All members of a sequence share a name, so that two of them can be one person. Their ids tell them apart. */
const familyOf = (member: string): string => `Family ${member.replace(/-m\d+$/, '')}`;

/** The Patient of the payer. Tests search for its first name. */
export const patientOf = (member: string): object => ({
  resourceType: 'Patient',
  id: member,
  identifier: [{ type: coded('v2-0203', 'MB'), system: MEMBER_IDS, value: member }],
  name: [
    { family: member, given: GIVEN },
    { family: familyOf(member), given: GIVEN },
  ],
  ...PERSON,
});

export interface Attests {
  readonly npi: string;
  /** RFC 3339 instant. */
  readonly at: string;
  /** `entered-in-error` withdraws (M19). */
  readonly status: 'active' | 'entered-in-error';
}
function bundleOf(member: string, place: number, { npi, at, status }: Attests): object {
  const patient = { reference: `Patient/p${place}` };
  const resources = {
    MemberPatient: {
      resourceType: 'Patient',
      id: `p${place}`,
      name: [{ family: familyOf(member), given: GIVEN }],
      ...PERSON,
    },
    CoverageToMatch: {
      resourceType: 'Coverage',
      id: `c${place}`,
      status: 'active',
      identifier: [{ type: coded('v2-0203', 'MB'), system: MEMBER_IDS, value: member }],
      beneficiary: patient,
      relationship: coded('subscriber-relationship', 'self'),
      payor: [{ reference: 'Organization/payer' }],
    },
    Consent: {
      resourceType: 'Consent',
      id: `a${place}`,
      status,
      scope: coded('consentscope', 'patient-privacy'),
      category: [coded('v3-ActCode', 'IDSCL')],
      patient,
      dateTime: at,
      performer: [{ identifier: { system: 'http://hl7.org/fhir/sid/us-npi', value: npi } }],
      policy: [{ uri: 'https://clinic.example/treatment-attestation' }],
      provision: { type: 'permit' },
    },
  };
  const part = Object.entries(resources).map(([name, resource]) => ({ name, resource }));
  return { name: 'MemberBundle', part };
}
/** The body of a request about these members. */
export const requestOf = (members: readonly string[], attests: Attests): string =>
  JSON.stringify({
    resourceType: 'Parameters',
    parameter: members.map((member, at) => bundleOf(member, at + 1, attests)),
  });
