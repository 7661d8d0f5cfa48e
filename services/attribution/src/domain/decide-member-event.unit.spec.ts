import { describe, expect, it } from 'vitest';
import { type CoverageChanged, type DomainEvent, PAYER_CONTRACT } from '@provider-access/events';
import { EVER } from '@provider-access/facts';
import { deciding } from '@provider-access/process/testing';
import { PayerDays } from '@provider-access/domain/pdex/days';
import { readCoverage } from './coverage-resource.ts';
import { isDate } from './dates.ts';
import { decideMemberEvent, type MemberEventDecision } from './decide-member-event.ts';
import { isPayerIdentifier } from '@provider-access/domain/access';
import { payerIdentity } from '@provider-access/domain/pdex';

const NOW = Date.UTC(2026, 5, 1);
/** `days.int.spec.ts` tests what a day means in other zones. */
const UTC = new PayerDays(['UTC']);
const OURS = payerIdentity(undefined, 'Organization/payer');
/** As the frame does it: the contract reads the event, then it is decided. */
function decide(type: string, data: unknown, over: Partial<DomainEvent> = {}, days = UTC) {
  const read = PAYER_CONTRACT.read(
    { id: 'e', source: 's', type, time: '2026-05-01T10:00:00+02:00', subject: 'm1', data, ...over },
    NOW,
  );
  return read.ok ? decideMemberEvent(read.event, days, OURS) : read;
}
const { given } = deciding((event: readonly [type: string, data: unknown], days: PayerDays) =>
  decide(...event, {}, days),
);
const APPENDED = { member: 'm1', businessTime: '2026-05-01T08:00:00.000Z', sequence: 0 };
const covered = (change: Omit<CoverageChanged, keyof typeof APPENDED>): MemberEventDecision => ({
  ok: true,
  statements: [{ type: 'pa.coverage-changed.v1', data: { ...APPENDED, ...change } }],
});
const NOTHING: MemberEventDecision = { ok: true, statements: [] };

it.each([
  ['2024', true],
  ['2024-02', true],
  ['2024-02-29', true],
  ['2024-01-01T00:00:00-05:00', true],
  ['2023-02-29', false],
  ['2024-01-01T10:00', false],
  // R4: a time of day has a zone. Without one the moment is unknown.
  ['2024-01-01T10:00:00', false],
  ['soon', false],
  [2024, false],
  [undefined, false],
])('%s is a date of a Coverage: %s', (value, is) => expect(isDate(value)).toBe(is));

describe('member events', () => {
  it('enrolled and changed say a coverage from a day on; terminated says none, of one or of all', () => {
    given(UTC)
      .when(['payer.member-enrolled.v1', { coverageId: 'c', from: '2026-01-01', to: '2026-12-31' }])
      .then(covered({ coverageId: 'c', from: '2026-01-01T00:00:00.000Z', to: '2027-01-01T00:00:00.000Z' }));
    const cancelled = { from: '2026-07-01T00:00:00.000Z', cancelled: true } as const;
    given(UTC)
      .when(['payer.member-changed.v1', { coverageId: 'c', to: '2026-06-30' }])
      .then(covered({ coverageId: 'c', ...cancelled }));
    given(UTC)
      .when(['payer.member-terminated.v1', { to: '2026-06-30' }])
      .then(covered({ coverageId: '*', ...cancelled }));
  });
  it('a day begins as the payer reads it', () => {
    given(new PayerDays(['America/New_York']))
      .when(['payer.member-enrolled.v1', { coverageId: 'c', from: '2026-01-01' }])
      .then(covered({ coverageId: 'c', from: '2026-01-01T05:00:00.000Z' }));
  });
  // The date that payers' systems use for "no end".
  it('31 December 9999 is no end', () => {
    given(UTC)
      .when(['payer.member-enrolled.v1', { coverageId: 'c', from: '2026-01-01', to: '9999-12-31' }])
      .then(covered({ coverageId: 'c', from: '2026-01-01T00:00:00.000Z' }));
    given(UTC)
      .when(['payer.member-changed.v1', { coverageId: 'c', to: '9999-12-31' }])
      .then(NOTHING);
    for (const [type, data] of [
      ['payer.member-terminated.v1', { to: '9999-12-31' }],
      ['payer.attribution-ended.v1', { provider: { npi: '1000000001' }, to: '9999-12-31' }],
    ] as const) {
      expect(decide(type, data)).toMatchObject({
        ok: false,
        fault: { reason: 'invalid-data', detail: expect.stringContaining('9999') as string },
      });
    }
  });
  it('a change without dates says nothing about access', () =>
    given(UTC)
      .when(['payer.member-changed.v1', { plan: 'gold' }])
      .then(NOTHING));
  it('N60 an enrolment, a change and a Coverage tell the plan of a coverage', () => {
    const alone = { from: '9999-12-31T00:00:00.000Z', cancelled: true } as const;
    given(UTC)
      .when(['payer.member-enrolled.v1', { coverageId: 'c', from: '2026-01-01', plan: 'H1234' }])
      .then(covered({ coverageId: 'c', from: '2026-01-01T00:00:00.000Z', plan: 'H1234' }));
    given(UTC)
      .when(['payer.member-changed.v1', { coverageId: 'c', plan: 'H1234' }])
      .then(covered({ coverageId: 'c', ...alone, plan: 'H1234' }));
    given(UTC)
      .when(['payer.member-changed.v1', { coverageId: 'c', to: '9999-12-31', plan: 'H1234' }])
      .then(covered({ coverageId: 'c', ...alone, plan: 'H1234' }));
    given(UTC)
      .when(['payer.member-changed.v1', { coverageId: 'c', to: '2026-06-30', plan: 'H1234' }])
      .then(covered({ coverageId: 'c', from: '2026-07-01T00:00:00.000Z', cancelled: true, plan: 'H1234' }));
    const classed = (...values: unknown[]): string | undefined => {
      const coverage = {
        id: 'c',
        status: 'active',
        beneficiary: { reference: 'Patient/m1' },
        payor: [{ reference: 'Organization/payer' }],
        class: values.map((value) => ({ type: { coding: [{ code: 'plan' }] }, value })),
      };
      const read = readCoverage(coverage, 'm1', UTC, OURS);
      return read.ok ? read.span?.plan : 'refused';
    };
    expect([classed('H1234'), classed(), classed(7), classed('A', 'B')]).toEqual([
      'H1234',
      undefined,
      undefined,
      undefined,
    ]);
  });
  it('an attribution and its end name the providers of a Group', () => {
    const provider = { npi: '1000000001', contract: 'k' };
    const { member, businessTime } = APPENDED;
    const common = { member, providers: ['npi|1000000001' as const], contract: 'k', businessTime };
    given(UTC)
      .when(['payer.attribution-asserted.v1', { provider, from: '2026-01-01', basis: 'claims' }])
      .then({
        ok: true,
        statements: [
          { type: 'pa.member-attributed.v1', data: { ...common, from: '2026-01-01T00:00:00.000Z', basis: 'claims' } },
        ],
      });
    given(UTC)
      .when(['payer.attribution-ended.v1', { provider, to: '2026-06-30' }])
      .then({
        ok: true,
        statements: [{ type: 'pa.attribution-ended.v1', data: { ...common, to: '2026-07-01T00:00:00.000Z' } }],
      });
  });
  it.each<[string, string, unknown, Partial<DomainEvent>]>([
    ['dates without a coverage', 'payer.member-changed.v1', { from: '2026-01-01' }, {}],
    [
      'an end before its start',
      'payer.member-enrolled.v1',
      { coverageId: 'c', from: '2026-02-01', to: '2026-01-31' },
      {},
    ],
    [
      'an attribution that ends before it starts',
      'payer.attribution-asserted.v1',
      { provider: { npi: '1000000001' }, from: '2026-02-01', to: '2026-01-01' },
      {},
    ],
    [
      'a provider without an identifier',
      'payer.attribution-ended.v1',
      { provider: { contract: 'k' }, to: '2026-02-01' },
      {},
    ],
    ['a merge with itself', 'payer.members-merged.v1', { from: 'm1' }, {}],
    ...['2026-13-01', '2026-02-30', '2026-06-31', '2026-01-01T24:00:00Z', '2026-01-01T10:00:00+15:00'].map(
      (to): [string, string, unknown, object] => [
        `a date that does not exist (${to})`,
        'payer.member-terminated.v1',
        { to },
        {},
      ],
    ),
    ['a time far ahead', 'payer.member-terminated.v1', { to: '2026-01-01' }, { time: '2027-01-01T00:00:00Z' }],
    ['no subject', 'payer.member-terminated.v1', { to: '2026-01-01' }, { subject: undefined }],
  ])('%s is at fault', (_name, type, data, over) => expect(decide(type, data, over).ok).toBe(false));
  it('a deleted Coverage covers nothing; another deleted resource says nothing', () => {
    given(UTC)
      .when(['payer.resource-deleted.v1', { resourceType: 'Coverage', id: 'c' }])
      .then(covered({ coverageId: 'c', from: EVER, cancelled: true, replaces: true }));
    given(UTC)
      .when(['payer.resource-deleted.v1', { resourceType: 'Patient', id: 'm1' }])
      .then(NOTHING);
  });
});

describe('a date in the year 9999 is no end (finding M6)', () => {
  const provider = { npi: '1000000001' };
  const forms: readonly [string, (to: string) => readonly [string, unknown]][] = [
    ['an enrolment', (to) => ['payer.member-enrolled.v1', { coverageId: 'c', from: '2026-01-01', to }]],
    ['a changed coverage', (to) => ['payer.member-changed.v1', { coverageId: 'c', from: '2026-01-01', to }]],
    ['an attribution', (to) => ['payer.attribution-asserted.v1', { provider, from: '2026-01-01', to }]],
    [
      'a Coverage',
      (to) => [
        'payer.resource-recorded.v1',
        {
          resource: {
            resourceType: 'Coverage',
            id: 'c',
            status: 'active',
            beneficiary: { reference: 'Patient/m1' },
            payor: [{ reference: 'Organization/payer' }],
            period: { start: '2026', end: to },
          },
        },
      ],
    ],
  ];
  const ends = [
    '9999-01-01',
    '9999-12-31',
    '9999-12-31T23:59:59Z',
    '9999-12-31T23:59:59-12:00',
    '9999-12-31T00:00:00+14:00',
  ];
  it.each(forms)('%s', (_what, event) => {
    for (const end of ends) {
      const decided = decide(...event(end));
      expect(decided, end).toMatchObject({ ok: true, statements: [{}] });
      expect(JSON.stringify(decided), end).not.toMatch(/"to"|9999/);
    }
    // The year before it is an end like any other.
    expect(JSON.stringify(decide(...event('9998-12-31')))).toContain('"to":"9999-01-01T00:00:00.000Z"');
  });
});

describe('a Coverage', () => {
  const active = { resourceType: 'Coverage', id: 'c', status: 'active', payor: [{ reference: 'Organization/payer' }] };
  const coverage = (over: object, payer = OURS) =>
    readCoverage({ ...active, beneficiary: { reference: 'Patient/m1' }, ...over }, 'm1', UTC, payer);
  it('covers from its start to the end of its last day; without a period always', () => {
    expect(coverage({ period: { start: '2026-01-01', end: '2026-12-31' } })).toEqual({
      ok: true,
      span: { coverageId: 'c', from: '2026-01-01T00:00:00.000Z', to: '2027-01-01T00:00:00.000Z', replaces: true },
    });
    expect(coverage({})).toEqual({
      ok: true,
      span: { coverageId: 'c', from: '1900-01-01T00:00:00.000Z', replaces: true },
    });
  });
  it.each([
    ['cancelled', { status: 'cancelled' }],
    ['entered in error', { status: 'entered-in-error' }],
    ['a draft', { status: 'draft' }],
    ['NO_INSURANCE', { payor: [{ display: 'NO_INSURANCE' }] }],
    [
      'NO_INSURANCE by a contained organization',
      { contained: [{ resourceType: 'Organization', id: 'o', name: 'NO_INSURANCE' }], payor: [{ reference: '#o' }] },
    ],
  ])('%s covers nothing', (_name, over) =>
    expect(coverage(over)).toMatchObject({ ok: true, span: { cancelled: true } }),
  );
  it.each([
    ['without id', { id: undefined }],
    ['of another member', { beneficiary: { reference: 'Patient/m2' } }],
    ['of nobody', { beneficiary: undefined }],
    ['of unknown status', { status: 'maybe' }],
    ['with a period that is none', { period: { start: 'soon' } }],
    ['with a time without a zone', { period: { start: '2026-01-01T10:00:00' } }],
    ['that ends before it starts', { period: { start: '2026-02-01', end: '2026-01-01' } }],
  ])('%s cannot be read', (_name, over) => expect(coverage(over).ok).toBe(false));

  const NAIC = 'urn:oid:2.16.840.1.113883.6.300';
  const configured = payerIdentity(
    [`${NAIC}|12345`, 'Organization/plan', 'https://payer.example/fhir/Organization/plan'],
    'Organization/payer',
  );
  const organization = (value: string): object => ({
    contained: [{ resourceType: 'Organization', id: 'o', name: 'Our Plan', identifier: [{ system: NAIC, value }] }],
    payor: [{ reference: '#o' }],
  });
  it.each<[string, object]>([
    ['an identifier', { payor: [{ identifier: { system: NAIC, value: '12345' } }] }],
    ['a reference', { payor: [{ reference: 'Organization/plan' }] }],
    ['a version', { payor: [{ reference: 'Organization/plan/_history/2' }] }],
    ['a listed URL', { payor: [{ reference: 'https://payer.example/fhir/Organization/plan' }] }],
    ['PAYER_ORGANIZATION', { payor: [{ reference: 'Organization/payer' }] }],
    ['a contained organization', organization('12345')],
    ['a condition', { payor: [{ reference: `Organization?identifier=${NAIC}|12345` }] }],
    [
      'an encoded condition',
      { payor: [{ reference: `Organization?identifier=${encodeURIComponent(`${NAIC}|12345`)}` }] },
    ],
    ['one payor of two', { payor: [{ reference: 'Organization/employer' }, { reference: 'Organization/plan' }] }],
  ])('counts when its payor is this payer by %s', (_name, over) =>
    expect(coverage(over, configured)).toMatchObject({
      ok: true,
      span: { from: '1900-01-01T00:00:00.000Z', replaces: true },
    }),
  );

  const OTHERS: [string, object][] = [
    ['a name only', { payor: [{ display: 'Our Plan' }] }],
    ['another identifier', { payor: [{ identifier: { system: NAIC, value: '99999' } }] }],
    ['a value without its system', { payor: [{ identifier: { value: '12345' } }] }],
    [
      'the value under another system',
      { payor: [{ identifier: { system: 'urn:oid:2.16.840.1.113883.4.4', value: '12345' } }] },
    ],
    ['another organization', { payor: [{ reference: 'Organization/other' }] }],
    ['the id at another server', { payor: [{ reference: 'https://other.example/fhir/Organization/plan' }] }],
    ['a contained other', organization('99999')],
    ['a broken condition', { payor: [{ reference: 'Organization?identifier=%E0%A4%A' }] }],
    ['the patient', { payor: [{ reference: 'Patient/m1' }] }],
    ['a RelatedPerson with the id', { payor: [{ reference: 'RelatedPerson/plan' }] }],
  ];
  it.each(OTHERS)('of another payer by %s covers nothing', (_name, over) => {
    expect(coverage(over, configured)).toEqual({
      ok: true,
      foreign: true,
      span: { coverageId: 'c', from: '0001-01-01T00:00:00.000Z', cancelled: true, replaces: true },
    });
  });
  it.each(OTHERS)('by %s begins nothing while no payer is known, and its end counts', (_name, over) => {
    expect(coverage(over)).toEqual({ ok: true, foreign: true });
    expect(coverage({ ...over, period: { start: '2026-01-01', end: '2026-06-30' } })).toEqual({
      ok: true,
      foreign: true,
      span: { coverageId: 'c', from: '2026-07-01T00:00:00.000Z', cancelled: true },
    });
    expect(coverage({ ...over, status: 'cancelled' })).toMatchObject({
      ok: true,
      span: { cancelled: true, replaces: true },
    });
  });
  it.each([
    ['Organization/a', true],
    ['https://x.example/fhir/Organization/a', true],
    ['urn:oid:1.2|12 34', true],
    ['Our Plan', false],
    ['12345', false],
    ['|12345', false],
    ['a|', false],
    ['a|b|c', false],
    ['Patient/p', false],
  ])('PAYER_IDENTIFIERS may hold %s: %s', (text, valid) => expect(isPayerIdentifier(text)).toBe(valid));
});
