import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { cases } from '@provider-access/testing/variant';
import { type ConsentReading, patientOfConsent, readConsent, USE_CASE } from './consent.ts';
import { PayerDays } from './days/payer-days.ts';

const CODES = 'http://terminology.hl7.org/CodeSystem/';
const concept = (system: string, code: string) => ({ coding: [{ system, code }] });
const purpose = (code: string) =>
  concept('http://hl7.org/fhir/us/davinci-pdex/CodeSystem/pdex-consent-api-purpose', code);
const IDSCL = concept(`${CODES}v3-ActCode`, 'IDSCL');
const NPI = 'http://hl7.org/fhir/sid/us-npi';
const EIN = 'urn:oid:2.16.840.1.113883.4.4';
const discloser = {
  role: concept(`${CODES}provenance-participant-type`, 'performer'),
  reference: { identifier: { system: NPI, value: '0123456789' } },
};
const recipient = (identifier: unknown, role: unknown = concept(`${CODES}v3-ParticipationType`, 'IRCP')) => ({
  role,
  reference: { identifier },
});
const DISCLOSE = [concept(`${CODES}consentaction`, 'disclose')];

const AT = Date.UTC(2026, 5, 1);
/** The example no-consent-1 of PDex 2.2. */
const provision = { type: 'deny', period: { start: '2024-06-11' }, actor: [discloser], action: DISCLOSE };
const consent = {
  resourceType: 'Consent',
  id: 'no-consent-1',
  status: 'active',
  scope: concept(`${CODES}consentscope`, 'patient-privacy'),
  category: [IDSCL, purpose('provider-access')],
  patient: { reference: 'Patient/1' },
  performer: [{ reference: 'Patient/1' }],
  organization: [{ reference: 'Organization/Payer1-1' }],
  policyRule: concept(`${CODES}consentpolicycodes`, 'cric'),
  provision,
};
const read = (over: object = {}): ConsentReading => readConsent({ ...consent, ...over }, AT);
const readProvision = (over: object): ConsentReading => read({ provision: { ...provision, ...over } });
const GLOBAL = { kind: 'opt-out', scope: 'global', effectiveFrom: '2024-06-11', setBy: 'member' };

it('the opt-out of the guide is a global opt-out from its start', () => expect(read()).toEqual(GLOBAL));

describe('restricts nothing', () => {
  it.each<[string, object]>([
    ...['draft', 'proposed', 'rejected', 'inactive', 'entered-in-error'].map((status): [string, object] => [
      `status ${status}`,
      { status },
    ]),
    ['permit', { provision: { ...provision, type: 'permit' } }],
    ['no provision', { provision: undefined }],
    [
      'an attestation of treatment',
      { category: [IDSCL, concept('http://loinc.org', '64292-6')], provision: { type: 'permit', actor: [] } },
    ],
    ['a denial between payers', { category: [IDSCL, purpose('payer-to-payer')] }],
    ['a denial towards the apps of the member', { category: [purpose('patient-access')] }],
    ['a denial of research', { scope: concept(`${CODES}consentscope`, 'research') }],
    ['an advance directive', { scope: concept(`${CODES}consentscope`, 'adr') }],
    [
      'a denial that was over before',
      { provision: { ...provision, period: { start: '2020-01-01', end: '2026-05-30' } } },
    ],
  ])('%s', (_what, over) => expect(read(over)).toEqual({ kind: 'none' }));
});

describe('is an opt-out for all providers, because it may mean them', () => {
  it.each<[string, object]>([
    ['no category of an API', { category: [IDSCL] }],
    ['no category', { category: undefined }],
    ['a category of two APIs', { category: [purpose('payer-to-payer'), purpose('provider-access')] }],
    ['a category that is no concept', { category: [purpose('payer-to-payer'), 'payer-to-payer'] }],
    ['a purpose that is not known', { category: [purpose('payer-to-payer'), purpose('everything')] }],
    [
      'a scope of two codes',
      {
        scope: {
          coding: [
            { system: `${CODES}consentscope`, code: 'research' },
            { system: `${CODES}consentscope`, code: 'patient-privacy' },
          ],
        },
      },
    ],
    ['no scope', { scope: undefined }],
    ['research by a system that is not known', { scope: concept('urn:mine', 'research') }],
    ['a status that is not known', { status: 'on' }],
    ['no status', { status: undefined }],
    ['a type that is not known', { provision: { ...provision, type: 'forbid' } }],
    ['a type that is no text', { provision: { ...provision, type: ['deny'] } }],
    ['a denial with a permission inside', { provision: { ...provision, provision: [{ type: 'permit' }] } }],
    [
      'the end of its last day is not over everywhere',
      { provision: { ...provision, period: { start: '2024-06-11', end: '2026-05-31' } } },
    ],
    ['an end that cannot be read', { provision: { ...provision, period: { start: '2024-06-11', end: '2020-02-30' } } }],
    ['an end that lies ahead', { provision: { ...provision, period: { start: '2024-06-11', end: '2027-01-01' } } }],
    [
      'an action that is another',
      { provision: { ...provision, action: [concept(`${CODES}consentaction`, 'correct')] } },
    ],
    [
      'the use case of this API that is false',
      {
        provision: {
          ...provision,
          actor: [recipient({ system: NPI, value: '1234567893' })],
          action: [{ ...DISCLOSE[0], extension: [{ url: USE_CASE, valueBoolean: false }] }],
        },
      },
    ],
    [
      'a use case that is not this one',
      { provision: { ...provision, action: [{ extension: [{ url: 'urn:x', valueBoolean: false }], coding: [] }] } },
    ],
  ])('%s', (_what, over) => expect(read(over)).toEqual(GLOBAL));
  // Its own period may begin earlier than that of the permission around it.
  it.each<[string, object]>([
    [
      'a permission with a denial inside',
      { provision: { ...provision, type: 'permit', provision: [{ type: 'deny' }] } },
    ],
    [
      'a permission with a denial before a permission inside',
      { provision: { ...provision, type: 'permit', provision: [{ type: 'deny' }, { type: 'permit' }] } },
    ],
    [
      'a permission with a denial after 300,000 values that are no provisions inside',
      {
        provision: {
          ...provision,
          type: 'permit',
          provision: [{ type: 'deny' }, ...Array.from({ length: 3e5 }, () => 0)],
        },
      },
    ],
    [
      'a denial three levels deep',
      { provision: { ...provision, type: 'permit', provision: [{ type: 'permit', provision: [{ type: 'deny' }] }] } },
    ],
  ])('at once: %s', (_what, over) => {
    const { effectiveFrom: _, ...now } = GLOBAL;
    expect(read(over)).toEqual(now);
  });
  it('a policy of opting out', () => {
    for (const code of ['OPTOUT', 'OPTOUTE'])
      expect(read({ policyRule: concept(`${CODES}v3-ActCode`, code), provision: undefined })).toEqual({
        kind: 'opt-out',
        scope: 'global',
        setBy: 'member',
      });
  });
});

describe('is an opt-out of the providers whom it names as recipients', () => {
  const barred = (...actor: unknown[]) => readProvision({ actor: [discloser, ...actor] });
  it('by NPI and by TIN', () => {
    expect(
      barred(recipient({ system: NPI, value: '1234567893' }), recipient({ system: EIN, value: '12-3456789' })),
    ).toEqual({ ...GLOBAL, scope: 'provider-specific', targets: [{ npi: '1234567893' }, { tin: '12-3456789' }] });
  });
  it.each<[string, unknown]>([
    ['a wrong check digit', recipient({ system: NPI, value: '1234567890' })],
    ['another system', recipient({ system: 'urn:x', value: '1234567893' })],
    [
      'no identifier',
      { role: concept(`${CODES}v3-ParticipationType`, 'IRCP'), reference: { reference: 'Practitioner/1' } },
    ],
    ['another role', recipient({ system: NPI, value: '1234567893' }, concept(`${CODES}v3-ParticipationType`, 'CST'))],
    [
      'two roles',
      recipient(
        { system: NPI, value: '1234567893' },
        {
          coding: [
            { system: `${CODES}v3-ParticipationType`, code: 'IRCP' },
            { system: 'urn:x', code: 'x' },
          ],
        },
      ),
    ],
    [
      'a contained resource',
      {
        role: concept(`${CODES}v3-ParticipationType`, 'IRCP'),
        reference: { reference: '#doctor', identifier: { system: NPI, value: '1234567893' } },
      },
    ],
    ['an extension', { ...recipient({ system: NPI, value: '1234567893' }), extension: [{ url: 'urn:x' }] }],
    ['nothing', null],
  ])('and of all when one of them has %s', (_what, actor) => {
    expect(barred(recipient({ system: NPI, value: '1234567893' }), actor)).toEqual(GLOBAL);
  });
  it.each(['purpose', 'class', 'code', 'data', 'dataPeriod', 'securityLabel', 'extension', 'modifierExtension'])(
    'and of all when %s narrows it',
    (element) => {
      expect(readProvision({ actor: [recipient({ system: NPI, value: '1234567893' })], [element]: [{}] })).toEqual(
        GLOBAL,
      );
    },
  );
  it('and of all when a modifier changes its meaning', () => {
    expect(
      read({
        modifierExtension: [{ url: 'urn:x' }],
        provision: { ...provision, actor: [recipient({ system: NPI, value: '1234567893' })] },
      }),
    ).toEqual(GLOBAL);
  });
});

it.each<[unknown, string | undefined]>([
  ['2024-06-11', '2024-06-11'],
  ['2024-06', '2024-06-01'],
  ['2024', '2024-01-01'],
  ['2024-06-11T10:00:00Z', '2024-06-11T10:00:00Z'],
  ['2024-06-11T10:00:00', undefined],
  ['2024-02-30', undefined],
  ['9999-12-31', undefined],
  ['soon', undefined],
  [2024, undefined],
  [undefined, undefined],
])('starting %j it counts from %j', (start, effectiveFrom) => {
  const { effectiveFrom: _, ...rest } = GLOBAL;
  expect(readProvision({ period: { start } })).toEqual(effectiveFrom === undefined ? rest : { ...rest, effectiveFrom });
});

it.each<[unknown, string]>([
  [[{ reference: 'RelatedPerson/2' }], 'personal-representative'],
  [[{ reference: 'https://x.example/Patient/1' }], 'member'],
  [[{ reference: 'Practitioner/2' }], 'payer'],
  [undefined, 'member'],
  ['x', 'member'],
])('set by %j', (performer, setBy) => expect(read({ performer })).toMatchObject({ setBy }));

it.each<[unknown, string | undefined]>([
  [{ reference: 'Patient/1' }, '1'],
  [{ reference: 'https://x.example/fhir/Patient/1' }, '1'],
  [{ reference: 'Group/1' }, undefined],
  [{ reference: '#p' }, undefined],
  [{ identifier: {} }, undefined],
  ['Patient/1', undefined],
  [undefined, undefined],
])('of the patient %j', (patient, id) => expect(patientOfConsent({ ...consent, patient })).toBe(id));

it('never throws, whatever stands in place of an element, and denies unless it is sure', () => {
  const values: unknown[] = [null, 0, '', 'x', [], {}, [null], [{}], [[]], { coding: 'x' }, { coding: [null] }, true];
  for (const name of Object.keys(consent)) {
    for (const value of values) {
      const reading = read({ [name]: value });
      if (name === 'provision') expect(['none', 'opt-out']).toContain(reading.kind);
      else expect(reading.kind).toBe('opt-out');
    }
  }
});

it('denies if and only if one of the provisions, wherever it stands, is no permission', () => {
  interface Provision {
    readonly type?: string;
    readonly provision?: readonly Provision[] | Provision;
  }
  const { tree } = fc.letrec<{ tree: Provision }>((tie) => ({
    tree: fc.record(
      {
        type: fc.constantFrom('permit', 'permit', 'permit', 'deny'),
        provision: fc.oneof({ maxDepth: 3 }, fc.constant([]), fc.array(tie('tree'), { maxLength: 4 }), tie('tree')),
      },
      { requiredKeys: [] },
    ),
  }));
  fc.assert(
    fc.property(tree, (provision) => {
      expect(read({ provision }).kind).toBe(JSON.stringify(provision).includes('"deny"') ? 'opt-out' : 'none');
    }),
    { numRuns: cases(200) },
  );
});

describe('the end of a denial', () => {
  const endsAt = (end: string, at: string, zones: readonly string[]): string =>
    readConsent(
      { ...consent, provision: { ...provision, period: { start: '2024-06-11', end } } },
      Date.parse(at),
      new PayerDays(zones),
    ).kind;

  it.each([
    ['in New York', ['America/New_York'], '2026-05-31', '2026-06-01T04:00:00Z'],
    ['in the latest of several zones', ['Pacific/Guam', 'Pacific/Honolulu'], '2026-05-31', '2026-06-01T10:00:00Z'],
    ['without zones at UTC-12', [], '2026-05-31', '2026-06-01T12:00:00Z'],
    ['at an instant, whatever the zones are', [], '2026-05-31T10:00:00Z', '2026-05-31T10:00:01Z'],
  ])('is %s', (_where, zones, end, over) => {
    expect(endsAt(end, new Date(Date.parse(over) - 1).toISOString(), zones)).toBe('opt-out');
    expect(endsAt(end, over, zones)).toBe('none');
  });

  it('cannot be read from a time of day without a zone, so the opt-out continues', () => {
    expect(endsAt('2020-05-31T10:00:00', '2026-06-01T00:00:00Z', ['UTC'])).toBe('opt-out');
  });
});

/** PEOPLE.md N26, with an oracle of the rule: what is unclear denies, everybody and at once. */
describe('N26 nested provisions, contained actors, and periods in two calendars', () => {
  const NAMED = recipient({ system: NPI, value: '1234567893' });
  const CONTAINED = { ...NAMED, reference: { reference: '#doctor' } };
  const UNCLEAR = { ...NAMED, reference: { display: 'my doctor' } };
  /** When 31 May 2026 is over: in the latest time zone of each payer, by hand. */
  const CALENDARS = [
    { zones: ['Pacific/Guam', 'Pacific/Honolulu'], over: '2026-06-01T10:00:00Z' },
    { zones: ['America/New_York'], over: '2026-06-01T04:00:00Z' },
    { zones: [], over: '2026-06-01T12:00:00Z' },
  ];
  const NOW = ['2026-05-31T13:59:00Z', '2026-06-01T03:59:59Z', '2026-06-01T04:00:00Z', '2026-06-01T09:59:59Z'];
  const LATER = ['2026-06-01T10:00:00Z', '2026-06-01T11:59:59Z', '2026-06-01T12:00:00Z'];
  const period = fc.record(
    {
      start: fc.constantFrom('2026-05-01', '2026-07-01', '2099-01-01', '2026-02-30', 'soon', 7),
      end: fc.constantFrom('2026-05-31', '2026-04-30', '2027-12-31', 'never', '2026-05-31T10:00:00'),
    },
    { requiredKeys: [] },
  );
  const actor = fc.constantFrom<unknown>(discloser, NAMED, CONTAINED, UNCLEAR);
  const inner = fc.record(
    { type: fc.constantFrom('deny', 'permit'), period, actor: fc.array(actor, { maxLength: 2 }) },
    { requiredKeys: ['type'] },
  );
  const outer = fc.record(
    {
      type: fc.constantFrom('deny', 'deny', 'permit'),
      period: fc.oneof(period, fc.array(period, { minLength: 2, maxLength: 2 })),
      actor: fc.array(actor, { maxLength: 3 }),
      provision: fc.array(inner, { minLength: 1, maxLength: 2 }),
    },
    { requiredKeys: ['type'] },
  );
  type Outer = typeof outer extends fc.Arbitrary<infer T> ? T : never;

  const DAYS: Readonly<Record<string, number>> = Object.fromEntries(
    ['2026-05-01', '2026-07-01', '2099-01-01', '2026-05-31', '2026-04-30', '2027-12-31'].map((day) => [
      day,
      Date.parse(day),
    ]),
  );
  /** What the rule says, of one provision. */
  function ruled({ type, period: when, actor: actors = [], provision: inside = [] }: Outer, now: string, over: string) {
    const deniesInside = inside.some((one) => one.type === 'deny');
    if (type === 'permit' && !deniesInside) return { kind: 'none' };
    const isClear = type === 'deny' && !deniesInside && when !== undefined && !Array.isArray(when);
    const start = isClear ? DAYS[String(when.start)] : undefined;
    const end = isClear ? DAYS[String(when.end)] : undefined;
    const isReversed = start !== undefined && end !== undefined && end < start;
    if (end !== undefined && !isReversed) {
      if (end === DAYS['2026-04-30'] || (end === DAYS['2026-05-31'] && now >= over)) return { kind: 'none' };
    }
    const named = actors.filter((one) => one !== discloser);
    const isNarrow = type === 'deny' && inside.length === 0 && named.length > 0 && named.every((one) => one === NAMED);
    return {
      kind: 'opt-out',
      scope: isNarrow ? 'provider-specific' : 'global',
      effectiveFrom: start === undefined || isReversed ? undefined : (when as { start: string }).start,
    };
  }

  it('are read as the rule says', () => {
    fc.assert(
      fc.property(
        outer,
        fc.constantFrom(...NOW, ...LATER),
        fc.constantFrom(...CALENDARS),
        (generated, now, { zones, over }) => {
          const found = readConsent({ ...consent, provision: generated }, Date.parse(now), new PayerDays(zones));
          const { kind, scope, effectiveFrom } = { scope: undefined, effectiveFrom: undefined, ...found };
          expect(kind === 'none' ? { kind } : { kind, scope, effectiveFrom }).toEqual(ruled(generated, now, over));
        },
      ),
      { numRuns: cases(1000) },
    );
  });
});
