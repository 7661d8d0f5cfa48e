/** One person to submit, and where the user finds the row. */
export interface Submitted {
  /** For people: `line 4`, or `Patient/1`. */
  readonly from: string;
  /** A parameter `MemberBundle`. */
  readonly bundle: object;
}

/** What is said about every person of a CSV or NDJSON file. */
export interface Attesting {
  /** Of the provider who attests, where a row names none. */
  readonly npi?: string | undefined;
  /** The payer, as payors of its Coverages name it: `Organization/payer` or `system|value`. */
  readonly payer: string;
  /** RFC 3339 instant. */
  readonly now: string;
}

/** So many members may a request have (MATCH.md M4). */
const MOST_OF_A_REQUEST = 1000;

const TERMINOLOGY = 'http://terminology.hl7.org/CodeSystem';
const PDEX = 'http://hl7.org/fhir/us/davinci-pdex/StructureDefinition';
export const HREX = 'http://hl7.org/fhir/us/davinci-hrex/StructureDefinition';
const coded = (system: string, code: string) => ({ coding: [{ system: `${TERMINOLOGY}/${system}`, code }] });

export const payorOf = (payer: string): object => {
  const [system, value] = payer.split('|');
  return value === undefined ? { reference: payer } : { identifier: { system, value } };
};

/** The relationship of somebody who holds the insurance. */
export const SELF = coded('subscriber-relationship', 'self');
export const MEMBER_NUMBER = coded('v2-0203', 'MB');

/** The bundle of a Patient and a Coverage, with an attestation of a provider. */
export function bundleOf(
  patient: object & { readonly id: string },
  coverage: object,
  npi: string,
  now: string,
): object {
  const consent = {
    resourceType: 'Consent',
    id: `attestation-${patient.id}`.slice(0, 64),
    meta: { profile: [`${PDEX}/provider-treatment-relationship-consent`] },
    status: 'active',
    scope: coded('consentscope', 'patient-privacy'),
    category: [coded('v3-ActCode', 'IDSCL')],
    patient: { reference: `Patient/${patient.id}` },
    dateTime: now,
    performer: [{ identifier: { system: 'http://hl7.org/fhir/sid/us-npi', value: npi } }],
    policyRule: { text: 'The provider attests a treatment relationship with the patient' },
    provision: { type: 'permit', period: { start: now.slice(0, 10) } },
  };
  return {
    name: 'MemberBundle',
    part: [
      { name: 'MemberPatient', resource: patient },
      { name: 'CoverageToMatch', resource: coverage },
      { name: 'Consent', resource: consent },
    ],
  };
}

/** The bodies of the requests, in the order of the people. */
export function requestsOf(
  people: readonly Submitted[],
): readonly { readonly people: readonly Submitted[]; readonly body: string }[] {
  const requests = [];
  for (let at = 0; at < people.length; at += MOST_OF_A_REQUEST) {
    const some = people.slice(at, at + MOST_OF_A_REQUEST);
    const body = {
      resourceType: 'Parameters',
      meta: { profile: [`${PDEX}/provider-parameters-multi-member-match-bundle-in`] },
      parameter: some.map(({ bundle }) => bundle),
    };
    requests.push({ people: some, body: JSON.stringify(body) });
  }
  return requests;
}
