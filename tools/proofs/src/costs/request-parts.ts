export const FORM = { 'content-type': 'application/x-www-form-urlencoded' };
export const JSON_TYPE = { 'content-type': 'application/json' };
export const FHIR_TYPE = { 'content-type': 'application/fhir+json' };

const code = (system: string, value: string): object => ({
  coding: [{ system: `http://terminology.hl7.org/CodeSystem/${system}`, code: value }],
});
const referenceOf = (place: number): object => ({ reference: `Patient/${place}` });
/** What a provider attests of somebody whom the payer does not know. */
const attestedOf = (place: number): Readonly<Record<string, object>> => ({
  MemberPatient: {
    ...{ resourceType: 'Patient', id: String(place), gender: 'male', birthDate: '1965-08-15' },
    name: [{ family: `Stranger ${place}`, given: ['Robert'] }],
  },
  CoverageToMatch: {
    ...{ resourceType: 'Coverage', id: String(place), status: 'active', subscriberId: `X${place}` },
    beneficiary: referenceOf(place),
    relationship: code('subscriber-relationship', 'self'),
    payor: [{ identifier: { system: 'urn:payer', value: '1' } }],
  },
  Consent: {
    ...{ resourceType: 'Consent', id: String(place), status: 'active', dateTime: '2026-01-11T09:00:00Z' },
    scope: code('consentscope', 'patient-privacy'),
    category: [code('v3-ActCode', 'IDSCL')],
    patient: referenceOf(place),
    performer: [{ identifier: { system: 'http://hl7.org/fhir/sid/us-npi', value: '1234567893' } }],
    policy: [{ uri: 'https://clinic.example/attestation' }],
    provision: { type: 'permit' },
  },
});

const matchOf = (partsOf: (place: number) => readonly object[]) =>
  ({
    url: '/fhir/Group/$provider-member-match',
    by: 'app',
    method: 'POST',
    headers: FHIR_TYPE,
    // As many bundles as a request may have. The request keeps them, and chunks read them.
    body: JSON.stringify({
      resourceType: 'Parameters',
      parameter: Array.from({ length: 1000 }, (_, at) => ({ name: 'MemberBundle', part: partsOf(at + 1) })),
    }),
    status: 202,
    most: { rows: 30 },
  }) as const;
/** Bundles that nobody can read. */
export const UNREADABLE_MATCH = matchOf(() => []);
/** People whom the payer does not know. */
export const MATCH_OF_STRANGERS = matchOf((place) =>
  Object.entries(attestedOf(place)).map(([name, resource]) => ({ name, resource })),
);

/** A session of nobody is looked for by the hash of its secret. */
const UNKNOWN = { by: 'nobody', headers: { cookie: `__Host-pa-session=${'A'.repeat(43)}` }, status: 401 } as const;
/** The sign-in of people, and what a call centre asks. */
export const OF_PEOPLE = {
  // Nobody signs in at an identity provider in this world.
  'GET /auth/session/sign-in': [{ url: '/auth/session/sign-in?to=/portal', by: 'nobody', status: 404 }],
  'GET /auth/session/callback': [{ url: '/auth/session/callback?code=1&state=2', by: 'nobody', status: 404 }],
  'POST /auth/member-session': [
    {
      url: '/auth/member-session',
      by: 'nobody',
      method: 'POST',
      headers: JSON_TYPE,
      body: JSON.stringify({ link: `${'x'.repeat(9000)}.y.z` }),
      status: 403,
    },
  ],
  'POST /auth/session': [
    { url: '/auth/session', by: 'administrator', method: 'POST', headers: JSON_TYPE, body: '{}', status: 201 },
  ],
  'POST /ops/members/find': [
    {
      url: '/ops/members/find',
      by: 'administrator',
      method: 'POST',
      headers: JSON_TYPE,
      body: '{"family":"Nobody","birthDate":"1980-03-04"}',
    },
  ],
  'POST /auth/session/end-all': [
    {
      url: '/auth/session/end-all',
      by: 'administrator',
      method: 'POST',
      headers: JSON_TYPE,
      body: JSON.stringify({ person: `person ${'x'.repeat(255)}` }),
      status: 200,
    },
  ],
  // Nobody signs in at an identity provider in this world.
  'GET /auth/session/sign-out': [{ url: '/auth/session/sign-out', by: 'nobody', status: 404 }],
  'GET /auth/session': [{ ...UNKNOWN, url: '/auth/session' }],
  'POST /auth/session/renew': [{ ...UNKNOWN, url: '/auth/session/renew', method: 'POST' }],
  'DELETE /auth/session': [{ ...UNKNOWN, url: '/auth/session', method: 'DELETE' }],
} as const;

const SECURITY = '{"reason":"key-compromised"}';
/** What a reviewer does with an app beside an approval: the route, the path, and the body. */
export const ENDS = [
  ...['reject', 'suspend', 'revoke', 'review'].map((verb) => [verb, verb, SECURITY] as const),
  ['bindings/{provider}/end', 'bindings/npi%7C1245319599/end', '{"reason":"contract-ended"}'],
] as const;
