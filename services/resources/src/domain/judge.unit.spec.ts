import { describe, expect, it } from 'vitest';
import type { ProfilePolicy } from '@provider-access/domain/pdex/feeds';
import { type DomainEvent, encodeEvent } from '@provider-access/events';
import { condition, patient } from '../../test/harness.ts';
import { readEvent } from '../reading/read-event.ts';
import type { Judgement } from './judge.ts';

const NOW = Date.UTC(2025, 5, 1);
const MEMBER = 'payer.member-events';
const PROVIDER = 'payer.provider-events';
interface Given extends Partial<DomainEvent> {
  topic?: string;
  resource?: unknown;
  profiles?: ProfilePolicy;
  publicUrl?: string;
}
/** Judges an event as it is in the log. */
const given = ({ resource, topic = MEMBER, profiles, publicUrl, ...rest }: Given): Judgement => {
  const event = {
    id: 'e1',
    source: '/payer',
    type: 'payer.resource-recorded.v1',
    time: '2025-01-01T00:00:00Z',
    subject: 'm1',
    data: JSON.parse(JSON.stringify({ resource })) as unknown,
    ...rest,
  } as DomainEvent;
  const { key, headers, value } = encodeEvent({ ...event, data: event.data ?? null });
  const options = { now: NOW, floor: '2016-01-01', profiles, publicUrl };
  return readEvent({ topic, key, headers, value: Buffer.from(value as string) }, options).judgement;
};
const eob = (extra: object = {}): object => ({
  resourceType: 'ExplanationOfBenefit',
  id: 'eob1',
  status: 'active',
  type: { text: 'professional' },
  use: 'claim',
  patient: { reference: 'Patient/m1' },
  created: '2024-01-01',
  insurer: { reference: 'Organization/o' },
  provider: { reference: 'Organization/p' },
  outcome: 'complete',
  insurance: [{ focal: true, coverage: { reference: 'Coverage/c' } }],
  billablePeriod: { start: '2024-01-01', end: '2024-01-02' },
  total: [{ category: { text: 'submitted' }, amount: { value: 42, currency: 'USD' } }],
  ...extra,
});

describe('judge parks what is at fault, by a closed reason', () => {
  const cases: [string, Given, string][] = [
    ['a type that nobody defined', { type: 'payer.something-else.v1' }, 'unknown-event-type'],
    [
      'a provider event among member events',
      { type: 'payer.provider-recorded.v1', resource: { resourceType: 'Practitioner', id: 'p' } },
      'wrong-topic',
    ],
    ['a time that is none', { time: 'yesterday', resource: patient('m1') }, 'not-a-cloudevent'],
    ['a time in the future', { time: '2025-06-01T00:06:00Z', resource: patient('m1') }, 'time-in-future'],
    ['no subject', { subject: undefined, resource: patient('m1') }, 'missing-subject'],
    ['a subject that is no FHIR id', { subject: 'a b', resource: patient('m1') }, 'invalid-subject'],
    ['the reserved subject', { subject: 'shared', resource: condition('shared', 'c1') }, 'reserved-subject'],
    ['data that is no object', { data: [] }, 'invalid-data'],
    ['no resource', { data: {} }, 'not-a-resource'],
    ['a resource without a type', { resource: { id: 'x' } }, 'not-a-resource'],
    ['a sequence that is no number', { data: { resource: patient('m1'), sequence: '7' } }, 'invalid-data'],
    ['a type that R4 does not know', { resource: { resourceType: 'Hologram', id: 'h1' } }, 'unknown-resource-type'],
    ['an element that R4 does not know', { resource: condition('m1', 'c1', { colour: 'red' }) }, 'invalid-resource'],
    ['an element of the wrong kind', { resource: condition('m1', 'c1', { recordedDate: 2024 }) }, 'invalid-resource'],
    ['no id', { resource: { ...condition('m1', 'c1'), id: undefined } }, 'missing-id'],
    ['no patient', { resource: { ...condition('m1', 'c1'), subject: { display: 'someone' } } }, 'patient-unreadable'],
    ['another patient', { resource: condition('m2', 'c1') }, 'names-another-member'],
    ['a Patient with another id', { resource: patient('m2') }, 'names-another-member'],
    [
      'a Provenance about another patient',
      {
        resource: {
          resourceType: 'Provenance',
          id: 'p1',
          recorded: '2024-01-01T00:00:00Z',
          target: [{ reference: 'Condition/c' }, { reference: 'Patient/m2' }],
          agent: [{ who: { display: 'x' } }],
        },
      },
      'names-another-member',
    ],
    [
      'a directory resource with a member',
      { resource: { resourceType: 'Organization', id: 'o1', name: 'x' } },
      'not-a-member-type',
    ],
    [
      'a claim as prior authorization',
      { type: 'payer.prior-authorization-changed.v1', resource: eob() },
      'not-a-prior-authorization',
    ],
    [
      'another type as prior authorization',
      { type: 'payer.prior-authorization-changed.v1', resource: condition('m1', 'c1') },
      'not-a-prior-authorization',
    ],
    [
      'a member resource as provider event',
      { topic: PROVIDER, type: 'payer.provider-recorded.v1', resource: condition('m1', 'c1') },
      'not-a-provider-type',
    ],
    [
      'a contained resource of another patient',
      {
        resource: condition('m1', 'c1', {
          contained: [condition('m2', 'inner')],
          evidence: [{ detail: [{ reference: '#inner' }] }],
        }),
      },
      'names-another-member',
    ],
    [
      'a contained claim of another patient',
      { resource: condition('m1', 'c1', { contained: [eob({ patient: { reference: 'Patient/m2' } })] }) },
      'names-another-member',
    ],
    [
      'a directory resource that contains a Patient',
      {
        topic: PROVIDER,
        type: 'payer.provider-recorded.v1',
        resource: {
          resourceType: 'Organization',
          id: 'o1',
          name: 'x',
          contained: [{ resourceType: 'Patient', id: 'p', name: [{ family: 'x' }] }],
        },
      },
      'not-a-provider-type',
    ],
    [
      'a directory resource that contains what a patient has',
      {
        topic: PROVIDER,
        type: 'payer.provider-recorded.v1',
        resource: { resourceType: 'Practitioner', id: 'p1', contained: [condition('m1', 'inner')] },
      },
      'not-a-provider-type',
    ],
    [
      'a directory resource that names a patient',
      {
        topic: PROVIDER,
        type: 'payer.provider-recorded.v1',
        resource: {
          resourceType: 'Practitioner',
          id: 'p1',
          extension: [{ url: 'http://x/panel', valueReference: { reference: 'Patient/m1' } }],
        },
      },
      'not-a-provider-type',
    ],
    [
      'a Medication of nobody that names a patient',
      {
        topic: PROVIDER,
        type: 'payer.provider-recorded.v1',
        resource: {
          resourceType: 'Medication',
          id: 'x',
          extension: [{ url: 'http://x/for', valueReference: { reference: 'https://ehr.example/fhir/Patient/m1' } }],
        },
      },
      'not-a-provider-type',
    ],
    [
      'a delete without an id',
      { type: 'payer.resource-deleted.v1', data: { resourceType: 'Condition' } },
      'invalid-data',
    ],
    [
      'a delete of an unknown type',
      { type: 'payer.resource-deleted.v1', data: { resourceType: 'Hologram', id: '1' } },
      'unknown-resource-type',
    ],
  ];
  it.each(cases)('%s', (_, event, reason) => {
    expect(given(event)).toMatchObject({ kind: 'dead-letter', reason });
  });

  it('never repeats a value', () => {
    const secret = 'Mrs-Secret';
    for (const resource of [
      condition('m1', 'c1', { recordedDate: secret }),
      condition(secret, 'c1'),
      condition('m1', 'c1', { [`${secret} x`]: 1 }),
      { resourceType: `${secret} ${secret}`, id: 'x' },
    ]) {
      expect(JSON.stringify(given({ resource }))).not.toContain(secret);
    }
  });
});

describe('judge lets through what is right', () => {
  it('accepts a resource of the member', () => {
    expect(given({ resource: condition('m1', 'c1'), data: undefined })).toMatchObject({ kind: 'dead-letter' });
    expect(given({ resource: condition('m1', 'c1') })).toMatchObject({
      kind: 'accept',
      about: {
        member: 'm1',
        type: 'Condition',
        id: 'c1',
        order: { businessTime: Date.UTC(2025, 0, 1), sequence: 0, source: '/payer', event: 'e1' },
      },
    });
  });
  it('takes money out before anything is kept', () => {
    const judgement = given({ resource: eob() });
    expect(judgement.kind).toBe('accept');
    expect(JSON.stringify(judgement)).not.toMatch(/USD|currency/);
  });
  it('accepts a prior authorization', () => {
    expect(
      given({ type: 'payer.prior-authorization-changed.v1', resource: eob({ use: 'preauthorization' }) }),
    ).toMatchObject({ kind: 'accept' });
  });
  it('keeps directory resources, and Medication without a patient, under one key', () => {
    expect(
      given({
        topic: PROVIDER,
        type: 'payer.provider-recorded.v1',
        subject: '123',
        resource: { resourceType: 'Organization', id: 'o1', name: 'x' },
      }),
    ).toMatchObject({ kind: 'accept', about: { member: 'shared' } });
    expect(
      given({
        topic: PROVIDER,
        type: 'payer.provider-recorded.v1',
        subject: '123',
        resource: { resourceType: 'Medication', id: 'm' },
      }),
    ).toMatchObject({ kind: 'accept', about: { member: 'shared' } });
    expect(given({ resource: { resourceType: 'Medication', id: 'm' } })).toMatchObject({
      kind: 'accept',
      about: { member: 'm1' },
    });
  });
  it('lets a Provenance carry who recorded something, and not what it is about', () => {
    const target = [
      { reference: 'Patient/m1' },
      { reference: 'MedicationRequest/r1' },
      { reference: 'Medication/before-2016' },
    ];
    const resource = {
      resourceType: 'Provenance',
      id: 'p',
      recorded: '2024-01-01T00:00:00Z',
      target,
      agent: [{ who: { reference: 'Practitioner/author' } }],
    };
    expect(given({ resource })).toMatchObject({ kind: 'accept', content: { references: ['Practitioner/author'] } });
  });
  it('brings along what an absolute URL of this server names, and nothing of another one', () => {
    const coverage = {
      resourceType: 'Coverage',
      id: 'c',
      status: 'active',
      beneficiary: { reference: 'Patient/m1' },
      payor: [
        { reference: 'https://pa.example.org/fhir/Organization/own' },
        { reference: 'https://elsewhere.example.org/fhir/Organization/other' },
      ],
    };
    expect(given({ resource: coverage, publicUrl: 'https://pa.example.org' })).toMatchObject({
      content: { references: ['Patient/m1', 'Organization/own'] },
    });
    expect(given({ resource: coverage })).toMatchObject({ content: { references: ['Patient/m1'] } });
  });
  it('accepts contained resources of the same member, and of nobody', () => {
    const contained = [
      condition('m1', 'inner'),
      { resourceType: 'Organization', id: 'o' },
      { resourceType: 'Patient', id: 'me', name: [{ family: 'x' }] },
      { ...condition('m1', 'local'), subject: { reference: '#me' } },
    ];
    expect(given({ resource: condition('m1', 'c1', { contained }) })).toMatchObject({ kind: 'accept' });
    expect(
      given({
        topic: PROVIDER,
        type: 'payer.provider-recorded.v1',
        resource: { resourceType: 'Practitioner', id: 'p1', contained: [{ resourceType: 'Organization', id: 'o' }] },
      }),
    ).toMatchObject({ kind: 'accept' });
  });
  it('takes a Consent whatever profiles it declares, because it may withhold what another one released', () => {
    const meta = { profile: ['http://hl7.org/fhir/us/core/StructureDefinition/us-core-patient'] };
    const consent = {
      resourceType: 'Consent',
      id: 'c1',
      meta,
      status: 'active',
      scope: { text: 'privacy' },
      category: [{ text: 'disclosure' }],
      patient: { reference: 'Patient/m1' },
    };
    const profiles: ProfilePolicy = { '*': 'refuse' };
    expect(given({ resource: consent, profiles })).toMatchObject({ kind: 'accept' });
    expect(given({ resource: condition('m1', 'c1', { meta }), profiles })).toMatchObject({ reason: 'profile-not-met' });
  });

  it('counts types that are not served', () => {
    expect(given({ resource: { resourceType: 'Basic', id: 'b', code: { text: 'x' } } })).toEqual({
      kind: 'not-served',
      about: 'Basic/b',
    });
    expect(given({ type: 'payer.resource-deleted.v1', data: { resourceType: 'Claim', id: '1' } })).toEqual({
      kind: 'not-served',
      about: 'Claim/1',
    });
  });
  it('drops what was over before the floor and keeps what goes on', () => {
    expect(given({ resource: eob({ billablePeriod: { start: '2015-12-30', end: '2015-12-31' } }) })).toMatchObject({
      kind: 'remove',
      reason: 'before-floor',
    });
    expect(given({ resource: eob({ billablePeriod: { start: '2015-12-30', end: '2016-01-01' } }) })).toMatchObject({
      kind: 'accept',
    });
    expect(given({ resource: condition('m1', 'c1', { onsetDateTime: '1990-01-01' }) })).toMatchObject({
      kind: 'accept',
    });
  });
  it('removes what was entered in error', () => {
    expect(given({ resource: eob({ status: 'entered-in-error' }) })).toMatchObject({
      kind: 'remove',
      reason: 'entered-in-error',
    });
    expect(
      given({
        resource: condition('m1', 'c1', {
          clinicalStatus: undefined,
          verificationStatus: { coding: [{ code: 'entered-in-error' }] },
        }),
      }),
    ).toMatchObject({ kind: 'remove', reason: 'entered-in-error' });
  });
  it('leaves other services what is theirs', () => {
    expect(given({ type: 'payer.member-opted-out.v1', data: 'nonsense' })).toEqual({ kind: 'other' });
    expect(given({ type: 'payer.members-merged.v1', data: { from: 'old' } })).toEqual({
      kind: 'merge',
      member: 'm1',
      retired: 'old',
    });
    expect(given({ type: 'payer.members-merged.v1', data: {} })).toEqual({ kind: 'other' });
  });
});
