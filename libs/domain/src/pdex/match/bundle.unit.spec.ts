import { checkResourceCodes } from '@provider-access/fhir';
import { describe, expect, it } from 'vitest';

import { type Json, NOW, sampleBundle, samplePatient } from '../../../test/match/sample.ts';
import { readBundle } from './read-bundle.ts';

type Changes = Parameters<typeof sampleBundle>[0];
const read = (changes: Changes = {}) => readBundle(sampleBundle(changes), 1, NOW);
const faultOf = (part: unknown): string | undefined => {
  const reading = readBundle(part, 1, NOW);
  return reading.ok ? undefined : `${reading.element}: ${reading.text}`;
};
const MB = { coding: [{ system: 'http://terminology.hl7.org/CodeSystem/v2-0203', code: 'MB' }] };
const NPI = 'http://hl7.org/fhir/sid/us-npi';

it('M10, M12 to M14: reads the demographics, the ids and the attestation of a bundle', () => {
  const reading = read();
  expect(reading).toMatchObject({
    ok: true,
    bundle: {
      place: 1,
      demographics: {
        memberIds: [],
        subscriberId: 'M0001',
        birthDate: '1965-08-15',
        family: 'Johnson',
        given: ['Robert'],
        gender: 'male',
      },
      attestation: {
        npis: ['1234567893'],
        status: 'active',
        at: '2027-01-11T09:00:00Z',
        period: { start: '2027-01-11' },
      },
      patient: samplePatient(),
    },
  });
});

it('M13, M45: takes member ids of the Coverage, and none of the Patient', () => {
  const reading = read({
    patient: { identifier: [{ type: MB, system: 'http://clinic.example/ids', value: 'PAT-1' }] },
    coverage: {
      subscriberId: undefined,
      identifier: [{ type: MB, system: 'http://payer.example/members', value: 'M0001-02' }, { value: 'other' }],
    },
  });
  expect(reading.ok && reading.bundle.demographics.memberIds).toEqual([
    { system: 'http://payer.example/members', value: 'M0001-02' },
  ]);
  expect(reading.ok && reading.bundle.demographics.subscriberId).toBeUndefined();
});

describe('names', () => {
  const nameOf = (name: Json[]) => {
    const reading = read({ patient: { name } });
    return reading.ok ? [reading.bundle.demographics.family, ...reading.bundle.demographics.given] : reading;
  };
  it('M12: prefers the official name to a former and an unmarked one', () => {
    const old = { use: 'old', family: 'Miller', given: ['Ada'] };
    const unmarked = { family: 'Reyes', given: ['Ada'] };
    const official = { use: 'official', family: 'Reyes-Miller', given: ['Ada', 'Maria'] };
    expect(nameOf([old, unmarked, official])).toEqual(['Reyes-Miller', 'Ada', 'Maria']);
    expect(nameOf([old, unmarked])).toEqual(['Reyes', 'Ada']);
    expect(nameOf([old])).toEqual(['Miller', 'Ada']);
  });
  it('M12: takes suffix and ZIP of the home address', () => {
    const reading = read({
      patient: {
        name: [{ family: 'Reyes', given: ['Ada'], suffix: ['Jr.'] }],
        address: [{ use: 'old', postalCode: '10001' }, { city: 'Springfield' }, { use: 'home', postalCode: '62701' }],
      },
    });
    expect(reading).toMatchObject({ bundle: { demographics: { suffix: ['Jr.'], zip: '62701' } } });
  });
});

describe('M6, M10, M11: the parts of a bundle', () => {
  const parts = () => sampleBundle().part;
  const named = (part: unknown[]) => faultOf({ name: 'MemberBundle', part });
  it('accepts the former names', () => {
    const [patient, coverage, consent] = parts();
    const reading = readBundle(
      { name: 'MembersToMatch', part: [patient, coverage, { ...consent, name: 'TreatmentAttestation' }] },
      1,
      NOW,
    );
    expect(reading.ok).toBe(true);
  });
  it('ignores unknown parts', () => {
    expect(named([...parts(), { name: 'CoverageToLink', resource: 5 }, { name: 'x' }, {}])).toBeUndefined();
  });
  it.each(['MemberPatient', 'CoverageToMatch', 'Consent'])('names a missing or doubled %s', (name) => {
    expect(named(parts().filter((part) => part.name !== name))).toBe(`${name}: the part is missing`);
    expect(named([...parts(), parts().find((part) => part.name === name)])).toBe(`${name}: occurs more than once`);
  });
  it('refuses a bundle with both names of the attestation', () => {
    const [, , consent] = parts();
    expect(named([...parts(), { ...consent, name: 'TreatmentAttestation' }])).toBe(
      'Consent: Consent and TreatmentAttestation are two names of one part, so give one of them',
    );
  });
  it.each([
    ['no object', 5],
    ['null', null],
    ['a list', []],
    ['no parts', { name: 'MemberBundle' }],
    ['parts that are no list', { name: 'MemberBundle', part: { name: 'MemberPatient' } }],
  ])('has a fault where it is %s', (_what, part) => {
    expect(faultOf(part)).toMatch(/^MemberBundle(\.part)?: must be/);
  });
  it('refuses more parts than a bundle can need', () => {
    expect(named(Array.from({ length: 51 }, () => ({ name: 'x' })))).toBe(
      'MemberBundle.part: has more than 50 entries',
    );
  });
  it('names a part without a resource, and one of another type', () => {
    const [patient, coverage, consent] = parts();
    expect(named([{ name: 'MemberPatient' }, coverage, consent])).toMatch(/^MemberPatient: must be a JSON object/);
    expect(named([{ name: 'MemberPatient', resource: coverage!.resource }, coverage, consent])).toBe(
      'MemberPatient: the resource must be a Patient',
    );
    expect(named([patient, { name: 'CoverageToMatch', resource: [1] }, consent])).toMatch(/^CoverageToMatch: must be/);
  });
});

describe('M6: a fault names the element, and never a value', () => {
  const SECRET = 'Zanzibar-4711';
  const cases: readonly (readonly [string, string, Changes])[] = [
    ['M12', 'MemberPatient.name', { patient: { name: undefined } }],
    ['M12', 'MemberPatient.name[0].family', { patient: { name: [{ given: [SECRET] }] } }],
    ['M12', 'MemberPatient.name[0].given', { patient: { name: [{ family: SECRET }] } }],
    ['M12', 'MemberPatient.name[1].given', { patient: { name: [...samplePatient().name, { family: SECRET }] } }],
    ['M12', 'MemberPatient.birthDate', { patient: { birthDate: undefined } }],
    ['M12', 'MemberPatient.birthDate', { patient: { birthDate: '1965-08' } }],
    ['R4', 'MemberPatient.birthDate', { patient: { birthDate: SECRET } }],
    ['M12', 'MemberPatient.gender', { patient: { gender: undefined } }],
    ['R4', 'MemberPatient.gender', { patient: { gender: SECRET } }],
    ['R4', 'MemberPatient.name', { patient: { name: SECRET } }],
    ['R4', 'MemberPatient', { patient: { [SECRET]: 1 } }],
    ['R4', 'MemberPatient.text.div', { patient: { text: { status: 'generated', div: `<div><script>${SECRET}` } } }],
    ['R4', 'MemberPatient.contact[0]', { patient: { contact: [{ gender: 'male' }] } }],
    [
      'R4',
      'MemberPatient.name[0].period',
      {
        patient: { name: [{ ...samplePatient().name[0], period: { start: '2027-01-02', end: '2027-01-01' } }] },
      },
    ],
    ['M13', 'CoverageToMatch.subscriberId', { coverage: { subscriberId: undefined } }],
    ['M13', 'CoverageToMatch.subscriberId', { coverage: { subscriberId: undefined, identifier: [{ value: SECRET }] } }],
    ['M13', 'CoverageToMatch.relationship', { coverage: { relationship: undefined } }],
    ['M13', 'CoverageToMatch.payor', { coverage: { payor: undefined } }],
    ['M13', 'CoverageToMatch.payor', { coverage: { payor: [{ display: SECRET }, { display: SECRET }] } }],
    ['M17', 'CoverageToMatch.beneficiary', { coverage: { beneficiary: { reference: `Patient/${SECRET}` } } }],
    ['R4', 'CoverageToMatch.status', { coverage: { status: undefined } }],
    ['M14', 'Consent.status', { consent: { status: 'draft' } }],
    ['M14', 'Consent.status', { consent: { status: 'inactive' } }],
    ['R4', 'Consent.scope', { consent: { scope: undefined } }],
    ['M14', 'Consent.scope', { consent: { scope: { text: SECRET } } }],
    ['R4', 'Consent.category', { consent: { category: undefined } }],
    ['M14', 'Consent.patient', { consent: { patient: undefined } }],
    ['M14', 'Consent.dateTime', { consent: { dateTime: undefined } }],
    ['M14', 'Consent.performer', { consent: { performer: undefined } }],
    ['M15', 'Consent.performer', { consent: { performer: [{ display: SECRET }] } }],
    ['M15', 'Consent.performer', { consent: { performer: [{ identifier: { system: NPI, value: '1234567890' } }] } }],
    [
      'M15',
      'Consent.performer[0]',
      {
        consent: { performer: [{ reference: 'Patient/pp-1', identifier: { system: NPI, value: '1234567893' } }] },
      },
    ],
    [
      'M15',
      'Consent.performer[0]',
      {
        consent: { performer: [{ type: 'RelatedPerson', identifier: { system: NPI, value: '1234567893' } }] },
      },
    ],
    ['M16', 'Consent.policy', { consent: { policy: undefined } }],
    ['M14', 'Consent.provision.type', { consent: { provision: { type: 'deny' } } }],
    [
      'M14',
      'Consent.provision.provision',
      {
        consent: { provision: { type: 'permit', provision: [{ type: 'deny' }] } },
      },
    ],
    ['M17', 'Consent.patient', { consent: { patient: { reference: `Patient/${SECRET}` } } }],
    ['M18', 'Consent.provision.period', { consent: { provision: { type: 'permit', period: { end: '2027-01-09' } } } }],
    ['M18', 'Consent.provision.period', { consent: { provision: { type: 'permit', period: { start: '2027-02' } } } }],
  ];
  it.each(cases)('%s: %s', (_rule, element, changes) => {
    const reading = read(changes);
    expect(reading.ok ? 'ok' : reading.element).toBe(element);
    expect(JSON.stringify({ ...reading, patient: undefined })).not.toContain(SECRET);
  });
});

describe('M12: gender or birth sex', () => {
  const birthsex = (valueCode: string) => [
    { url: 'http://hl7.org/fhir/us/core/StructureDefinition/us-core-birthsex', valueCode },
  ];
  it.each([
    ['F', 'female'],
    ['M', 'male'],
    ['UNK', 'unknown'],
  ])('reads birth sex %s where there is no gender', (code, gender) => {
    const reading = read({ patient: { gender: undefined, extension: birthsex(code) } });
    expect(reading).toMatchObject({ ok: true, bundle: { demographics: { gender } } });
  });
  it('prefers the gender', () => {
    expect(read({ patient: { extension: birthsex('F') } })).toMatchObject({
      bundle: { demographics: { gender: 'male' } },
    });
  });
});

describe('M14, M16: what is accepted of a Consent', () => {
  it.each<[string, Json]>([
    ['a withdrawal', { status: 'entered-in-error' }],
    ['a policyRule in the place of a policy', { policy: undefined, policyRule: { text: 'ours' } }],
    ['no provision', { provision: undefined }],
    ['a period until today', { provision: { period: { start: '2027-01-01', end: '2027-01-11' } } }],
    ['a period from today on in a zone that is behind', { provision: { period: { start: '2027-01-11' } } }],
    [
      'a reference beside the NPI',
      {
        performer: [{ reference: 'Practitioner/1', identifier: { system: NPI, value: '1234567893' } }],
      },
    ],
  ])('%s', (_what, consent) => {
    expect(read({ consent })).toMatchObject({ ok: true });
  });
  it('M18: a withdrawal outside of its period is one', () => {
    const consent = { status: 'entered-in-error', provision: { type: 'permit', period: { end: '2026-01-01' } } };
    expect(read({ consent })).toMatchObject({ ok: true, bundle: { attestation: { status: 'entered-in-error' } } });
  });
});

describe('M17: local references', () => {
  it.each(['https://other.example/Patient/pp-1', 'Patient/pp-2', 'Patient/pp-2/_history/1'])(
    'a Consent of %s is of another patient, and a security event',
    (reference) => {
      expect(read({ consent: { patient: { reference } } })).toMatchObject({
        ok: false,
        element: 'Consent.patient',
        securityEvent: true,
      });
    },
  );
  it('a Consent of another patient is a security event, whatever else is wrong', () => {
    const consent = { patient: { reference: 'Patient/pp-2' } };
    expect(read({ consent, coverage: { payor: [] } })).toMatchObject({ ok: false, securityEvent: true });
    expect(read({ consent, patient: { gender: 'x' } })).toMatchObject({ ok: false, securityEvent: true });
  });
  it.each(['urn:uuid:1', '#pp-1', 'Patient/pp-1/_history/2', 'Group/pp-1', undefined])(
    'a Consent of %s is a mistake',
    (reference) => {
      const patient = reference === undefined ? { display: 'x' } : { reference };
      const reading = read({ consent: { patient } });
      expect(reading).toMatchObject({ ok: false, element: 'Consent.patient' });
      expect(reading).not.toHaveProperty('securityEvent');
    },
  );
  it('a Coverage of another patient is a fault without a security event', () => {
    const reading = read({ coverage: { beneficiary: { reference: 'Patient/pp-2' } } });
    expect(reading).toMatchObject({ ok: false, element: 'CoverageToMatch.beneficiary' });
    expect(reading).not.toHaveProperty('securityEvent');
  });
  it('a Patient without an id cannot be referred to', () => {
    expect(read({ patient: { id: undefined } })).toMatchObject({ ok: false, element: 'MemberPatient.id' });
  });
});

describe('M57: the Patient in a result', () => {
  const patientOf = (patient: Json) => {
    const reading = read({ patient });
    return (reading.ok ? reading.bundle.patient : reading.patient) as Json | undefined;
  };
  it('is as submitted', () => {
    const more = { telecom: [{ system: 'phone', value: '555' }], extension: [{ url: 'http://x', valueString: 'y' }] };
    expect(patientOf(more)).toEqual({ ...samplePatient(), ...more });
  });
  it('has no version, time, security label and contained resource', () => {
    const meta = {
      versionId: '3',
      lastUpdated: '2027-01-01T00:00:00Z',
      security: [{ code: 'R' }],
      profile: ['http://hl7.org/fhir/us/davinci-hrex/StructureDefinition/hrex-patient-demographics'],
    };
    const contained = [{ resourceType: 'Organization', id: 'o', name: 'Clinic' }];
    expect(patientOf({ meta, contained })).toEqual({ ...samplePatient(), meta: { profile: meta.profile } });
    expect(patientOf({ meta: { versionId: '3' } })).toEqual(samplePatient());
  });
  it('refers to no resource that it does not contain any more', () => {
    const contained = [{ resourceType: 'Organization', id: 'o', name: 'Clinic' }];
    const patient = patientOf({ contained, managingOrganization: { reference: '#o', display: 'Clinic' } })!;
    expect(JSON.stringify(patient)).not.toContain('#o');
    expect(checkResourceCodes(patient)).toEqual({ issues: [], codes: [] });
  });
  it('is there for NonMatched where a part beside it is at fault, and without claims to profiles', () => {
    const reading = read({ patient: { meta: { profile: ['http://x/y'] } }, consent: { status: 'draft' } });
    expect(reading).toMatchObject({ ok: false, patient: samplePatient() });
    expect(JSON.stringify(reading)).not.toContain('http://x/y');
  });
  it('is there if it is valid, and lacks what a search needs', () => {
    expect(patientOf({ birthDate: undefined })).toMatchObject({ id: 'pp-1' });
  });
  it('is not there if it is no valid FHIR', () => {
    for (const wrong of [{ gender: 'x' }, { name: 5 }, { birthDate: '1965-13-01' }, { extra: 1 }, { id: 'a b' }])
      expect(patientOf(wrong)).toBeUndefined();
  });
});

describe('hostile bundles', () => {
  it('contained resources ten deep are a fault', () => {
    let contained: Json = { resourceType: 'Organization', id: 'o' };
    for (let i = 0; i < 10; i++) contained = { resourceType: 'Organization', id: `o${i}`, contained: [contained] };
    const reading = read({ patient: { contained: [contained] } });
    expect(reading).toMatchObject({ ok: false, patient: samplePatient() });
    expect(JSON.stringify(reading)).not.toContain('"contained"');
  });
  it('`__proto__` is an unknown element', () => {
    const text = JSON.stringify(sampleBundle()).replace('"gender"', '"__proto__":{"polluted":true},"gender"');
    expect(faultOf(JSON.parse(text))).toMatch(/^MemberPatient: .*not an element of Patient/);
    expect(({} as Json)['polluted']).toBeUndefined();
  });
  it('`__proto__` as the name of a part is ignored', () => {
    const part = [...sampleBundle().part, JSON.parse('{"name":"__proto__","__proto__":{"resource":1}}') as Json];
    expect(faultOf({ name: 'MemberBundle', part })).toBeUndefined();
  });
  it('a Patient with 10,000 names is a fault', () => {
    const name = Array.from({ length: 10_000 }, () => ({ family: 'A', given: ['B'] }));
    expect(faultOf(sampleBundle({ patient: { name } }))).toBe('MemberPatient.name: has more than 20 entries');
  });
  it('a huge text is read to its end, and too long a name is a fault', () => {
    const long = 'x'.repeat(1_000_000);
    expect(faultOf(sampleBundle({ patient: { language: 'en', implicitRules: long } }))).toBeUndefined();
    expect(faultOf(sampleBundle({ patient: { name: [{ family: long, given: ['B'] }] } }))).toBe(
      'MemberPatient.name[0].family: is longer than 200 characters',
    );
    expect(faultOf(sampleBundle({ coverage: { subscriberId: long } }))).toBe(
      'CoverageToMatch.subscriberId: is longer than 200 characters',
    );
  });
  it('nesting of 100,000 levels is a fault', () => {
    let extension: Json = { url: 'http://x', valueString: 'y' };
    for (let i = 0; i < 5000; i++) extension = { url: 'http://x', extension: [extension] };
    const bundle = sampleBundle();
    bundle.part[0]!.resource['extension'] = [extension];
    expect(faultOf(bundle)).toMatch(/nested deeper/);
  });
  it.each([null, 5, true, 'x', [], {}])('any element that is %j gives a fault or is read', (value) => {
    for (const part of [0, 1, 2])
      for (const element of Object.keys(sampleBundle().part[part]!.resource)) {
        const bundle = sampleBundle();
        bundle.part[part]!.resource[element] = value;
        const reading = readBundle(bundle, 1, NOW);
        if (!reading.ok && reading.patient !== undefined)
          expect(checkResourceCodes(reading.patient)).toEqual({ issues: [], codes: [] });
      }
  });
});
