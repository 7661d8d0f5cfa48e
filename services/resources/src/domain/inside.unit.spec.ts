import fc from 'fast-check';
import { cases } from '@provider-access/testing/variant';
import { describe, expect, it } from 'vitest';
import { condition } from '../../test/harness.ts';
import { PAYER_CONTRACT, type PayerEvent } from '@provider-access/events';
import { judge, type Judgement } from './judge.ts';

type Resource = Record<string, unknown>;
const NOW = Date.UTC(2026, 0, 1);
/** Judges a resource of member m1, or a shared one. */
function judged(resource: object, of: 'm1' | 'shared' = 'm1'): Judgement {
  const data = JSON.parse(JSON.stringify({ resource })) as unknown;
  const type = of === 'm1' ? 'payer.resource-recorded.v1' : 'payer.provider-recorded.v1';
  const read = PAYER_CONTRACT.read(
    { id: 'e', source: '/p', type, time: '2025-01-01T00:00:00Z', subject: of === 'm1' ? 'm1' : 'o1', data },
    NOW,
  );
  if (!read.ok) throw new Error(read.fault.detail);
  return judge(read.event as Parameters<typeof judge>[0] & PayerEvent, { now: NOW, floor: '2016-01-01' });
}
const reasonOf = (judgement: Judgement): string =>
  judgement.kind === 'dead-letter' ? judgement.reason : judgement.kind;
const to = (reference: string): object => ({ reference });
const organization = (contained: object): object => ({
  resourceType: 'Organization',
  id: 'o1',
  name: 'Clinic',
  contained: [contained],
});

describe('URLs in the place of content', () => {
  const counted = (resource: object): unknown => {
    const judgement = judged(resource);
    return judgement.kind === 'accept' ? (judgement.unresolved ?? {}) : judgement.kind;
  };
  const report = (more: object): object => ({
    resourceType: 'DiagnosticReport',
    id: 'r1',
    status: 'final',
    code: { text: 'X-ray' },
    subject: to('Patient/m1'),
    ...more,
  });
  const url = 'http://payer.example/StructureDefinition/scan';

  it('are found in every element of the type Attachment', () => {
    expect(
      counted(
        report({
          presentedForm: [
            { url: 'Binary/a' },
            { url: 'files/b.pdf' },
            { url: 'urn:uuid:0c3151bd-1cbf-4d64-b04d-cd9187a4c6e0' },
          ],
          extension: [{ url, valueAttachment: { url: '/Binary/c' } }],
          contained: [
            {
              resourceType: 'Media',
              id: 'm',
              status: 'completed',
              subject: to('Patient/m1'),
              content: { url: 'Binary/d' },
            },
          ],
        }),
      ),
    ).toEqual({
      'DiagnosticReport.presentedForm -> Binary': 1,
      'DiagnosticReport.presentedForm -> ?': 2,
      'DiagnosticReport.extension.valueAttachment -> Binary': 1,
      'Media.content -> Binary': 1,
    });
  });

  it('are no URLs of extensions, also of those whose parts have short names, as in US Core', () => {
    const parts = { url, extension: [{ url: 'text', valueString: 'x' }] };
    expect(counted(report({ extension: [parts], modifierExtension: [parts], code: { extension: [parts] } }))).toEqual(
      {},
    );
  });

  it.each(['https://a.example/1', 'http://a.example/1', 'data:text/plain,note', 'HTTPS://A.EXAMPLE/1'])(
    'may be absolute: %s',
    (absolute) => {
      expect(counted(report({ presentedForm: [{ url: absolute }] }))).toEqual({});
    },
  );
});

const patient = { resourceType: 'Patient', id: 'm2', name: [{ family: 'Marker' }] };
const bundle = (...resources: object[]): object => ({
  resourceType: 'Bundle',
  id: 'b',
  type: 'collection',
  entry: resources.map((resource) => ({ resource })),
});
const parameters = (resource: object): object => ({
  resourceType: 'Parameters',
  id: 'p',
  parameter: [{ name: 'a', part: [{ name: 'b', resource }] }],
});
const code = { text: 'x' };
/** Forms that a review found to pass, and similar forms. */
const FORMS: [string, Resource][] = [
  ['a Bundle with a Patient', bundle(patient) as Resource],
  ['Parameters with a Patient', parameters(patient) as Resource],
  ['a Person', { resourceType: 'Person', id: 'x', name: [{ family: 'Marker' }], link: [{ target: to('Patient/m2') }] }],
  ['a List', { resourceType: 'List', id: 'l', status: 'current', mode: 'working', subject: to('Patient/m2') }],
  [
    'an Appointment',
    {
      resourceType: 'Appointment',
      id: 'a',
      status: 'booked',
      participant: [{ actor: to('Patient/m2'), status: 'accepted' }],
    },
  ],
  [
    'a Claim',
    {
      resourceType: 'Claim',
      id: 'c',
      status: 'active',
      type: code,
      use: 'claim',
      patient: to('Patient/m2'),
      created: '2024-01-01',
      provider: to('Organization/o'),
      priority: code,
      insurance: [{ sequence: 1, focal: true, coverage: to('Coverage/c') }],
    },
  ],
  [
    'a Provenance',
    {
      resourceType: 'Provenance',
      id: 'v',
      recorded: '2024-01-01T00:00:00Z',
      target: [to('Patient/m2')],
      agent: [{ who: { display: 'x' } }],
    },
  ],
  ['a Group', { resourceType: 'Group', id: 'g', type: 'person', actual: true, member: [{ entity: to('Patient/m2') }] }],
  [
    'a Consent',
    { resourceType: 'Consent', id: 'k', status: 'active', scope: code, category: [code], patient: to('Patient/m2') },
  ],
  [
    'a Basic that names one in an extension',
    {
      resourceType: 'Basic',
      id: 'y',
      code,
      extension: [{ url: 'http://x/about', valueReference: to('https://ehr.example/fhir/Patient/m2/_history/3') }],
    },
  ],
  ['a Condition', condition('m2', 'inner') as Resource],
  ['a Bundle of Bundles', bundle(bundle(bundle(condition('m2', 'inner')))) as Resource],
  [
    'a condition on its patient',
    { ...(condition('m2', 'inner') as Resource), subject: to('Patient?identifier=http://x|2') },
  ],
];

describe('a resource that every client may read', () => {
  it.each(FORMS)('is parked with %s inside', (_, inner) => {
    expect(reasonOf(judged(organization(inner), 'shared'))).toBe('not-a-provider-type');
    expect(JSON.stringify(judged(organization(inner), 'shared'))).not.toMatch(/Marker|\bm2\b/);
  });
  it.each([
    ['a Bundle without a patient', bundle({ resourceType: 'Organization', id: 'i', name: 'x' })],
    ['a Bundle that is empty', { resourceType: 'Bundle', id: 'b', type: 'collection' }],
    ['an Observation of nobody', { resourceType: 'Observation', id: 'n', status: 'final', code }],
    ['a Questionnaire', { resourceType: 'Questionnaire', id: 'q', status: 'active' }],
  ])('is parked with %s inside, because only listed types may be contained', (_, inner) => {
    expect(reasonOf(judged(organization(inner), 'shared'))).toBe('not-a-provider-type');
  });
  it.each([
    ['Patient/m2', {}],
    ['https://ehr.example/fhir/Patient/m2', {}],
    ['Patient?identifier=http://x|2', {}],
    ['Encounter/e2', {}],
    ['RelatedPerson/r', {}],
    [undefined, { type: 'Patient', identifier: { value: '2' } }],
    ['urn:uuid:0c3151bd-1cbf-4d64-b04d-cd9187a4c6e0', { type: 'Patient' }],
  ])('is parked when it names %s %j', (reference, more) => {
    const valueReference = { ...(reference !== undefined && { reference }), ...more };
    expect(
      reasonOf(
        judged(
          { resourceType: 'Practitioner', id: 'p', extension: [{ url: 'http://x/panel', valueReference }] },
          'shared',
        ),
      ),
    ).toBe('not-a-provider-type');
    expect(
      reasonOf(
        judged(
          organization({
            resourceType: 'Endpoint',
            id: 'e',
            status: 'active',
            connectionType: { code: 'x' },
            payloadType: [code],
            address: 'https://x.example',
            extension: [{ url: 'http://x/panel', valueReference }],
          }),
          'shared',
        ),
      ),
    ).toBe('not-a-provider-type');
  });
  it('keeps what directories and products contain', () => {
    const address = 'https://x.example';
    const contained = [
      { resourceType: 'Organization', id: 'a', name: 'x' },
      { resourceType: 'Practitioner', id: 'b' },
      { resourceType: 'PractitionerRole', id: 'c', organization: to('#a') },
      { resourceType: 'Location', id: 'd' },
      {
        resourceType: 'Endpoint',
        id: 'e',
        status: 'active',
        connectionType: { code: 'x' },
        payloadType: [code],
        address,
      },
      { resourceType: 'HealthcareService', id: 'f', providedBy: to('Organization/o2') },
    ];
    expect(judged({ resourceType: 'PractitionerRole', id: 'r', contained }, 'shared')).toMatchObject({
      kind: 'accept',
    });
    expect(
      judged(
        {
          resourceType: 'Medication',
          id: 'm',
          manufacturer: to('#a'),
          contained: [contained[0], { resourceType: 'Substance', id: 's', code }],
          ingredient: [{ itemReference: to('#s') }],
        },
        'shared',
      ),
    ).toMatchObject({ kind: 'accept' });
    // An element with the name `type` alone is not a Reference.
    expect(
      judged(
        {
          resourceType: 'Organization',
          id: 'o',
          name: 'x',
          type: [{ text: 'Patient' }],
          identifier: [{ type: { text: 'Patient' }, value: '1' }],
        },
        'shared',
      ),
    ).toMatchObject({ kind: 'accept' });
  });
});

describe("a member's resource", () => {
  it.each(FORMS)('is parked with %s of another inside', (_, inner) => {
    expect(reasonOf(judged(condition('m1', 'c1', { contained: [inner] })))).toBe('names-another-member');
  });
  it('keeps the same of the member', () => {
    for (const [name, inner] of FORMS.slice(0, -1)) {
      const own = JSON.parse(JSON.stringify(inner).replaceAll('m2', 'm1')) as object;
      expect(reasonOf(judged(condition('m1', 'c1', { contained: [own] }))), name).toBe('accept');
    }
  });
  it('keeps a contained Coverage of the member by a subscriber who is another patient', () => {
    const coverage = {
      resourceType: 'Coverage',
      id: 'v',
      status: 'active',
      beneficiary: to('Patient/m1'),
      subscriber: to('Patient/parent'),
      policyHolder: to('Patient/parent'),
      payor: [to('Patient/parent')],
    };
    expect(judged(condition('m1', 'c1', { contained: [coverage] }))).toMatchObject({ kind: 'accept' });
    expect(
      reasonOf(judged(condition('m1', 'c1', { contained: [{ ...coverage, beneficiary: to('Patient/parent') }] }))),
    ).toBe('names-another-member');
  });
  it('is parked when it is a Medication that carries a patient, because several members may be given one copy', () => {
    expect(judged({ resourceType: 'Medication', id: 'm' })).toMatchObject({ kind: 'accept', about: { member: 'm1' } });
    for (const more of [
      { contained: [{ ...patient, id: 'p' }] },
      { extension: [{ url: 'http://x/for', valueReference: to('Patient/m1') }] },
    ])
      expect(reasonOf(judged({ resourceType: 'Medication', id: 'm', ...more }))).toBe('names-another-member');
  });

  it('loses what it contains from before the floor or entered in error, with the references to it, and says so', () => {
    const observation = (id: string, more: object): object => ({
      resourceType: 'Observation',
      id,
      status: 'final',
      code,
      subject: to('Patient/m1'),
      effectiveDateTime: '2024-01-01',
      ...more,
    });
    const report = {
      resourceType: 'DiagnosticReport',
      id: 'r',
      status: 'final',
      code,
      subject: to('Patient/m1'),
      effectiveDateTime: '2024-01-01',
      result: ['old', 'wrong', 'good'].map((id) => to(`#${id}`)),
      contained: [
        observation('old', { effectiveDateTime: '2014-05-05', note: [{ text: 'MARKER-OLD' }] }),
        observation('wrong', { status: 'entered-in-error', note: [{ text: 'MARKER-WRONG' }] }),
        observation('good', { note: [{ text: 'MARKER-GOOD' }] }),
      ],
    };
    const judgement = judged(report);
    const text = JSON.stringify(judgement);
    expect(text).toContain('MARKER-GOOD');
    expect(text).not.toMatch(/MARKER-OLD|MARKER-WRONG|#old|#wrong/);
    expect(judgement).toMatchObject({
      kind: 'accept',
      removed: { 'DiagnosticReport.contained': 2, 'DiagnosticReport.result.reference': 2 },
    });
    const deep = judged(
      condition('m1', 'c1', {
        contained: [bundle(observation('old', { effectiveDateTime: '2014-05-05', note: [{ text: 'MARKER-OLD' }] }))],
      }),
    );
    expect(deep).toMatchObject({ kind: 'accept' });
    expect(JSON.stringify(deep)).not.toContain('MARKER-OLD');
  });
});

describe('whatever the nesting', () => {
  const wrap = fc.constantFrom<(inner: object) => object>(
    (inner) => bundle(inner),
    (inner) => parameters(inner),
    (inner) => bundle({ resourceType: 'Organization', id: 'f' }, inner),
    (inner) => parameters(bundle(inner)),
  );
  const nesting = fc
    .tuple(fc.constantFrom(...FORMS.map(([, form]) => form)), fc.array(wrap, { maxLength: 6 }))
    .map(([form, wraps]) => wraps.reduce<object>((inner, next) => next(inner), form));

  it('another patient is found', () => {
    fc.assert(
      fc.property(
        nesting,
        fc.constantFrom('Organization', 'Practitioner', 'Location', 'PractitionerRole', 'Medication', 'Device'),
        (inner, resourceType) => {
          expect(
            reasonOf(
              judged(
                { resourceType, id: 'o1', contained: [{ resourceType: 'Organization', id: 'first' }, inner] },
                'shared',
              ),
            ),
          ).toBe('not-a-provider-type');
          expect(
            reasonOf(
              judged(condition('m1', 'c1', { contained: [{ resourceType: 'Organization', id: 'first' }, inner] })),
            ),
          ).toBe('names-another-member');
        },
      ),
      { numRuns: cases(200) },
    );
  });
});
