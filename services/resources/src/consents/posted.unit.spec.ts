import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { PayerDays } from '@provider-access/domain/pdex/days';
import { Refusal } from '@provider-access/kernel';
import { PAYER_CONTRACT } from '@provider-access/events';
import { cases } from '@provider-access/testing/variant';
import { type PostedConsent, readPosted } from './posted.ts';

const BASE = 'https://pa.example/fhir';
const AT = Date.UTC(2026, 5, 1);
const TERMS = 'http://terminology.hl7.org/CodeSystem/';
const PURPOSE = 'http://hl7.org/fhir/us/davinci-pdex/CodeSystem/pdex-consent-api-purpose';
const REASON = 'http://hl7.org/fhir/us/davinci-pdex/CodeSystem/opt-out-reason';
const coded = (system: string, code: string) => ({ coding: [{ system, code }] });
const PAYER = {
  role: coded(`${TERMS}provenance-participant-type`, 'performer'),
  reference: { reference: 'Organization/payer' },
};
const recipient = (value: string, over: object = {}) => ({
  role: coded(`${TERMS}v3-ParticipationType`, 'IRCP'),
  reference: { identifier: { system: 'http://hl7.org/fhir/sid/us-npi', value }, ...over },
});
const NPI = '1234567893';
const provision = { type: 'permit', period: { start: '2026-06-01' }, actor: [PAYER] };
const consent = {
  resourceType: 'Consent',
  status: 'active',
  scope: coded(`${TERMS}consentscope`, 'patient-privacy'),
  category: [coded(`${TERMS}v3-ActCode`, 'IDSCL'), coded(PURPOSE, 'provider-access')],
  patient: { reference: 'Patient/m1' },
  performer: [{ reference: 'Patient/m1' }],
  organization: [{ reference: 'Organization/payer' }],
  policyRule: coded(`${TERMS}consentpolicycodes`, 'cric'),
  provision,
};
/** As it is in JSON: without undefined elements. */
const read = (over: object = {}, of: object = {}): PostedConsent =>
  readPosted(JSON.parse(JSON.stringify({ ...consent, ...over, provision: { ...provision, ...of } })), {
    at: AT,
    days: new PayerDays(),
    base: BASE,
    by: { channel: 'member-portal' },
  });
const refused = (run: () => unknown): string => {
  try {
    run();
  } catch (error) {
    if (error instanceof Refusal) return `${error.status} ${error.expression}`;
    throw error;
  }
  return 'taken';
};

describe('N23 a permission is an opt-in', () => {
  it('for all, from its start', () => {
    expect(read()).toEqual({
      member: 'm1',
      event: {
        type: 'payer.member-opted-in.v2',
        data: { scope: 'global', effectiveFrom: '2026-06-01', setBy: 'member', channel: 'member-portal' },
      },
    });
  });
  it('for those whom it names', () => {
    expect(read({}, { actor: [PAYER, recipient(NPI)] }).event.data).toMatchObject({
      scope: 'provider-specific',
      targets: [{ npi: NPI }],
    });
  });
  it('N9 by a representative whose authority somebody checked', () => {
    const by = {
      performer: [{ reference: 'RelatedPerson/mother' }],
      verification: [{ verified: true, verifiedWith: { display: 'desk 4' } }],
    };
    expect(read(by).event.data).toMatchObject({
      setBy: 'personal-representative',
      proof: { kind: 'consent-verification', reference: 'RelatedPerson/mother', verifiedBy: 'desk 4' },
    });
    for (const verification of [undefined, [{ verified: false, verifiedWith: { display: 'x' } }], [{ verified: true }]])
      expect(refused(() => read({ ...by, verification }))).toBe('422 Consent.verification');
  });

  it.each<[string, object, object, string]>([
    ['without a start', {}, { period: undefined }, 'Consent.provision.period'],
    ['with an end', {}, { period: { start: '2026-06-01', end: '2026-07-01' } }, 'Consent.provision.period'],
    ['from a month', {}, { period: { start: '2026-06' } }, 'Consent.provision.period'],
    ['with a permission inside', {}, { provision: [{ type: 'permit' }] }, 'Consent.provision'],
    ['for a purpose', {}, { purpose: [{ code: 'TREAT' }] }, 'Consent.provision'],
    ['for a class of data', {}, { class: [{ code: 'Condition' }] }, 'Consent.provision'],
    ['with another action', {}, { action: [coded(`${TERMS}consentaction`, 'collect')] }, 'Consent.provision'],
    [
      'for a recipient in words',
      {},
      { actor: [recipient(NPI), { ...recipient(NPI), reference: { display: 'x' } }] },
      'Consent.provision',
    ],
    ['for a contained recipient', {}, { actor: [recipient(NPI, { reference: '#d' })] }, 'Consent.provision'],
    ['for 101 recipients', {}, { actor: Array.from({ length: 101 }, () => recipient(NPI)) }, 'Consent.provision'],
    ['with a modifier', { modifierExtension: [{ url: 'urn:x', valueBoolean: true }] }, {}, 'Consent.provision'],
    ['of no API', { category: [coded(`${TERMS}v3-ActCode`, 'IDSCL')] }, {}, 'Consent.category'],
    [
      'of two APIs',
      { category: [coded(PURPOSE, 'provider-access'), coded(PURPOSE, 'payer-to-payer')] },
      {},
      'Consent.category',
    ],
    ['of treatment', { scope: coded(`${TERMS}consentscope`, 'treatment') }, {}, 'Consent.category'],
    ['by another member', { performer: [{ reference: 'Patient/m2' }] }, {}, 'Consent.performer'],
    ['by nobody', { performer: undefined }, {}, 'Consent.performer'],
    ['by somebody in words', { performer: [{ display: 'me' }] }, {}, 'Consent.performer'],
    ['by two', { performer: [{ reference: 'Patient/m1' }, { reference: 'Patient/m1' }] }, {}, 'Consent.performer'],
    ['by a practitioner', { performer: [{ reference: 'Practitioner/p' }] }, {}, 'Consent.performer'],
  ])('and nothing %s', (_what, over, of, expression) => {
    expect(refused(() => read(over, of))).toBe(`422 ${expression}`);
  });
});

describe('a denial is an opt-out', () => {
  const deny = { type: 'deny' };
  it('N25 of all without a recipient, and of those whom it names', () => {
    expect(read({}, deny).event).toMatchObject({ type: 'payer.member-opted-out.v2', data: { scope: 'global' } });
    expect(read({}, { ...deny, actor: [PAYER, recipient(NPI)] }).event.data).toMatchObject({
      scope: 'provider-specific',
      targets: [{ npi: NPI }],
    });
  });
  it('N8 with the reason that a category has', () => {
    const category = [...consent.category, coded(REASON, 'data-security')];
    expect(read({ category }, deny).event.data).toMatchObject({ reason: 'data-security' });
  });
  it('N9 by a representative, with and without a proof', () => {
    const performer = [{ reference: 'RelatedPerson/r' }];
    expect(read({ performer }, deny).event.data).not.toHaveProperty('proof');
    const verification = [{ verified: true, verifiedWith: { reference: 'Practitioner/p' } }];
    expect(read({ performer, verification }, deny).event.data).toMatchObject({
      proof: { verifiedBy: 'Practitioner/p' },
    });
  });
  it('N24 N26 of two APIs, of a category that is not known, and of 10,000 targets', () => {
    for (const category of [
      [coded(PURPOSE, 'provider-access'), coded(PURPOSE, 'payer-to-payer')],
      [coded(PURPOSE, 'everything')],
      [coded('urn:x', 'y')],
    ])
      expect(read({ category }, deny).event.data).toMatchObject({ scope: 'global' });
    const actor = Array.from({ length: 10_000 }, () => recipient(NPI));
    expect(read({}, { ...deny, actor }).event.data).toMatchObject({ scope: 'global' });
  });
});

it.each<[string, object, string]>([
  ['an inactive one', { status: 'inactive' }, '422 Consent.status'],
  ['a draft', { status: 'draft' }, '422 Consent.status'],
  ['one between payers', { category: [coded(PURPOSE, 'payer-to-payer')] }, '422 Consent.category'],
  ['one about research', { scope: coded(`${TERMS}consentscope`, 'research') }, '422 Consent.category'],
  [
    'one of a patient elsewhere',
    { patient: { reference: 'https://x.example/fhir/Patient/m1' } },
    '422 Consent.patient',
  ],
  ['one of a group', { patient: { reference: 'Group/g' } }, '422 Consent.patient'],
  ['a status that is no code', { status: 7 }, '400 Consent.status'],
])('N23 N24 %s is refused', (_what, over, expression) => expect(refused(() => read(over))).toBe(expression));

it('a patient of this server may be named by its URL', () => {
  expect(read({ patient: { reference: `${BASE}/Patient/m1` } }).member).toBe('m1');
});

/** PEOPLE.md N26: whatever is added, a denial stays a denial, and a permission never becomes a wider one. */
it('N26 an element that is not understood makes a denial wider, and is refused in a permission', () => {
  const more = fc.dictionary(
    fc.constantFrom('purpose', 'class', 'code', 'securityLabel', 'provision', 'dataPeriod', 'extension'),
    fc.constantFrom<unknown>([{ code: 'TREAT' }], [{ type: 'permit' }], { start: '2026-01-01' }, [
      { url: 'urn:x', valueCode: 'x' },
    ]),
    { minKeys: 1 },
  );
  const actors = fc.array(fc.constantFrom<object>(PAYER, recipient(NPI), recipient(NPI, { reference: '#c' })), {
    maxLength: 3,
  });
  fc.assert(
    fc.property(more, actors, fc.constantFrom('deny', 'permit'), (extra, actor, type) => {
      const own = { ...extra, type, ...(actor.length > 0 ? { actor } : { actor: undefined }) };
      let found: PostedConsent | undefined;
      try {
        found = read({}, own);
      } catch (error) {
        // A wrong form is refused with its place, and nothing is stored.
        if (!(error instanceof Refusal)) throw error;
        expect([400, 422]).toContain(error.status);
        if (type === 'deny') expect(error.status).toBe(400);
        return;
      }
      expect([type, found.event.type, found.event.data['scope']]).toEqual([
        'deny',
        'payer.member-opted-out.v2',
        'global',
      ]);
    }),
    { numRuns: cases(300) },
  );
});

it('what is read is an event of the contract', () => {
  for (const posted of [
    read(),
    read({}, { type: 'deny', actor: [recipient(NPI)] }),
    read({}, { actor: [recipient(NPI)] }),
  ]) {
    const event = {
      id: 'e',
      source: 'urn:x',
      time: new Date(AT).toISOString(),
      subject: posted.member,
      ...posted.event,
    };
    expect(PAYER_CONTRACT.read(event, AT)).toMatchObject({ ok: true });
  }
});
