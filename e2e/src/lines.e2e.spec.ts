import { randomInt } from 'node:crypto';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import type { DomainEvent } from '@provider-access/events';
import { npiOf } from '@provider-access/synthetic';
import { eventually } from '@provider-access/testing';
import { type Fresh, freshPlatform, registerApp, type TestApp } from './harness.ts';
import { publishTaken } from './payers.ts';
import { findGroup, http, type HttpAnswer, json, kickOff, payerEvent, sealed, texts } from './road.ts';
import { LIMITS } from './world/context.ts';

/**
 * Lines of business with start dates (PEOPLE.md N60 to N63), by hand. `both` has a coverage of a line that has started
 * and one of a line that has not, with a claim of each.
 */
const NPI = npiOf(randomInt(1e8));
const MEMBERS = { both: 'm-both', waiting: 'm-waiting', unmapped: 'm-unmapped', planless: 'm-planless' } as const;
type Who = keyof typeof MEMBERS;
const US_CORE = 'http://terminology.hl7.org/CodeSystem';

const claim = (id: string, member: string, coverage: string): object => ({
  resourceType: 'ExplanationOfBenefit',
  id,
  status: 'active',
  type: { coding: [{ system: `${US_CORE}/claim-type`, code: 'professional' }] },
  use: 'claim',
  patient: { reference: `Patient/${member}` },
  billablePeriod: { start: '2025-03-01', end: '2025-03-01' },
  created: '2025-03-02',
  insurer: { display: 'Payer' },
  provider: { display: 'Practice' },
  outcome: 'complete',
  insurance: [{ focal: true, coverage: { reference: coverage } }],
});
const provenanceOf = (target: string): object => ({
  resourceType: 'Provenance',
  id: `of-${target.split('/')[1]!}`,
  target: [{ reference: target }],
  recorded: '2025-03-02T00:00:00Z',
  agent: [{ who: { display: 'Payer' } }],
});
const coverage = (id: string, member: string): object => ({
  resourceType: 'Coverage',
  id,
  status: 'active',
  beneficiary: { reference: `Patient/${member}` },
  payor: [{ display: 'Payer' }],
});
const enrolled = (member: string, coverageId: string, plan?: string): DomainEvent =>
  payerEvent('payer.member-enrolled.v1', member, {
    coverageId,
    from: '2020-01-01',
    ...(plan !== undefined && { plan }),
  });
const recorded = (member: string, resource: object): DomainEvent =>
  payerEvent('payer.resource-recorded.v1', member, { resource });

const EVENTS: readonly DomainEvent[] = [
  ...Object.values(MEMBERS).flatMap((member) => [
    payerEvent('payer.attribution-asserted.v1', member, { provider: { npi: NPI }, from: '2020-01-01' }),
    recorded(member, { resourceType: 'Patient', id: member, name: [{ family: 'Example' }] }),
  ]),
  enrolled(MEMBERS.both, 'c-open', 'H1234'),
  enrolled(MEMBERS.both, 'c-later', 'MCO-7'),
  enrolled(MEMBERS.waiting, 'c-waiting', 'MCO-7'),
  enrolled(MEMBERS.unmapped, 'c-unmapped', 'GOLD'),
  enrolled(MEMBERS.planless, 'c-planless'),
  recorded(MEMBERS.both, coverage('c-open', MEMBERS.both)),
  recorded(MEMBERS.both, coverage('c-later', MEMBERS.both)),
  recorded(MEMBERS.both, claim('eob-open', MEMBERS.both, 'Coverage/c-open')),
  recorded(MEMBERS.both, claim('eob-later', MEMBERS.both, 'Coverage/c-later')),
  recorded(MEMBERS.both, claim('eob-unknown', MEMBERS.both, '#c')),
  recorded(MEMBERS.both, provenanceOf('ExplanationOfBenefit/eob-later')),
];
const LEFT_OUT = [
  'Coverage/c-later',
  'ExplanationOfBenefit/eob-later',
  'ExplanationOfBenefit/eob-unknown',
  'Provenance/of-eob-later',
];

/** How long the test leaves to look at the state before the line starts, ms. */
const BEFORE_START = 30_000;

describe('lines of business', () => {
  let fresh: Fresh;
  let app: TestApp;
  let token: () => Promise<string>;
  let group: string;
  /** Status of an export that ended before the table was set. */
  let before: string;
  let starts: number;

  const read = async (path: string): Promise<HttpAnswer> =>
    http(`${fresh.platform().base}/fhir/${path}`, { token: await token() });
  const operator = (path: string, call: object = {}): Promise<HttpAnswer> =>
    http(`${fresh.platform().base}${path}`, { token: fresh.platform().administratorToken, ...call });
  const exported = async (status: string): Promise<readonly string[]> =>
    [...(await texts(await sealed(status, await token()), await token())).values()]
      .flatMap((text) => text.trim().split('\n'))
      .filter((line) => line !== '')
      .map((line) => {
        const { resourceType, id } = JSON.parse(line) as { resourceType: string; id: string };
        return `${resourceType}/${id}`;
      })
      .toSorted();
  const run = async (query = ''): Promise<readonly string[]> =>
    exported(await kickOff(fresh.platform(), await token(), group, query));
  const explain = async (
    who: Who,
  ): Promise<{ decision: string; reason?: string; memberFacts: { coverage: object[] } }> =>
    json(await operator(`/ops/explain?client=${app.clientId}&member=${MEMBERS[who]}`));
  const found = async (query: string): Promise<{ total?: number; ids: readonly string[] }> => {
    const { total, entry = [] } = json<{ total?: number; entry?: { resource: { id: string } }[] }>(await read(query));
    return { ...(total !== undefined && { total }), ids: entry.map(({ resource }) => resource.id).toSorted() };
  };
  const groupMembers = async (): Promise<readonly string[]> => {
    const { member = [] } = json<{ member?: { entity: { reference: string } }[] }>(await read(`Group/${group}`));
    return member.map(({ entity }) => entity.reference.replace('Patient/', '')).toSorted();
  };
  const ALL = [
    ...Object.values(MEMBERS).map((member) => `Patient/${member}`),
    'Coverage/c-open',
    'ExplanationOfBenefit/eob-open',
    ...LEFT_OUT,
  ].toSorted();
  const OPEN = ['Coverage/c-open', 'ExplanationOfBenefit/eob-open', `Patient/${MEMBERS.both}`].toSorted();

  beforeAll(async () => {
    fresh = await freshPlatform({ env: { ...LIMITS, BUSINESS_TIME_ZONE: 'UTC' } });
    await publishTaken(
      fresh.platform(),
      payerEvent('payer.network-status-changed.v1', NPI, { npi: NPI, status: 'in-network', from: '2020-01-01' }),
      ...EVENTS,
    );
    app = await registerApp(fresh.platform(), { name: 'P', npi: NPI });
    token = () => app.tokens.get();
    await eventually(async () => expect((await read(`Patient/${MEMBERS.planless}`)).status).toBe(200));
    group = (await findGroup(fresh.platform(), await token(), NPI)).id;
    await eventually(async () => expect((await read('ExplanationOfBenefit/eob-later')).status).toBe(200));
    before = await kickOff(fresh.platform(), await token(), group);
    await sealed(before, await token());
  });
  afterAll(() => fresh?.dispose());

  test('N63 without a table all lines are started', async () => {
    expect(await exported(before)).toEqual(ALL);
    expect(await groupMembers()).toEqual(Object.values(MEMBERS).toSorted());
    expect(json(await operator('/ops/lines'))).toMatchObject({ version: 0, lines: [] });
  });

  test('refuses a table that is not understood, and says what is wrong', async () => {
    const set = async (lines: unknown): Promise<HttpAnswer> =>
      operator('/ops/lines', {
        method: 'POST',
        headers: { 'content-type': 'application/json' },
        body: JSON.stringify({ lines, reason: 'test' }),
      });
    const twice = await set([
      { line: 'a', start: '2020-01-01', plans: ['P1'] },
      { line: 'b', start: '2020-01-01', plans: ['P1'] },
    ]);
    expect(twice.status).toBe(400);
    expect(twice.body.toString()).toContain('P1');
    expect((await set([{ line: 'a', start: '2020-13-01', plans: ['P1'] }])).status).toBe(400);
    expect((await set([{ line: 'a', start: '2020-01-01', plan: ['P1'] }])).status).toBe(400);
    expect((await http(`${fresh.platform().base}/ops/lines`, { method: 'POST', token: await token() })).status).toBe(
      401,
    );
    expect(json(await operator('/ops/lines'))).toMatchObject({ version: 0 });
  });

  test('N60 N62 N63 shares nothing of a line before its start, at every gate', async () => {
    starts = Date.now() + BEFORE_START;
    const set = await operator('/ops/lines', {
      method: 'POST',
      headers: { 'content-type': 'application/json' },
      body: JSON.stringify({
        reason: 'the contract of the state',
        lines: [
          { line: 'medicare-advantage', start: '2020-01-01', plans: ['H1234'] },
          { line: 'medicaid-managed-care', start: new Date(starts).toISOString(), plans: ['MCO-7'] },
        ],
      }),
    });
    expect([set.status, json(set)]).toMatchObject([200, { version: 1, reason: 'the contract of the state' }]);
    for (const who of ['waiting', 'unmapped', 'planless'] as const) {
      const refused = await read('Patient/m-unknown');
      const direct = await read(`Patient/${MEMBERS[who]}`);
      expect([who, direct.status]).toEqual([who, 404]);
      expect(direct.body.toString().replaceAll(MEMBERS[who], 'ID')).toBe(
        refused.body.toString().replaceAll('m-unknown', 'ID'),
      );
      expect(await explain(who)).toMatchObject({ decision: 'deny', reason: 'line-not-started' });
      expect((await found(`Patient?_id=${MEMBERS[who]}`)).ids).toEqual([]);
    }
    expect((await read(`Patient/${MEMBERS.both}`)).status).toBe(200);
    expect((await read('ExplanationOfBenefit/eob-open')).status).toBe(200);
    for (const path of LEFT_OUT)
      for (const form of [path, `${path}/_history`, `${path}/_history/1`])
        expect([form, (await read(form)).status]).toEqual([form, 404]);
    const of = `ExplanationOfBenefit?patient=${MEMBERS.both}`;
    expect((await found(of)).ids).toEqual(['eob-open']);
    expect(await found(`${of}&_total=accurate`)).toEqual({ total: 1, ids: ['eob-open'] });
    expect((await found(`${of}&_summary=count`)).total).toBe(1);
    expect((await found(`${of}&type=professional&_total=accurate`)).total).toBe(1);
    expect((await found(`${of}&_sort=-_lastUpdated&_count=1`)).ids).toEqual(['eob-open']);
    expect((await found(`ExplanationOfBenefit?_id=eob-open,eob-later,eob-unknown`)).ids).toEqual(['eob-open']);
    expect((await found(`${of}&_include=ExplanationOfBenefit:coverage`)).ids).toEqual(['c-open', 'eob-open']);
    expect((await found(`Coverage?patient=${MEMBERS.both}&_total=accurate`)).total).toBe(1);
    expect(await groupMembers()).toEqual([MEMBERS.both]);
    expect(await run()).toEqual(OPEN);
  });

  test('N62 a file that was written before the table has nothing of the line either', async () => {
    expect(await exported(before)).toEqual(OPEN);
  });

  test('N63 reports what is not shared, by plan', async () => {
    expect(json(await operator('/ops/lines'))).toMatchObject({
      version: 1,
      lines: [
        { line: 'medicare-advantage', started: true, coverages: 1 },
        { line: 'medicaid-managed-care', started: false, coverages: 2 },
      ],
      unmapped: [{ plan: 'GOLD', coverages: 1 }],
      withoutPlan: 1,
    });
    const explained = await explain('both');
    expect(explained).toMatchObject({ decision: 'permit', withheld: { coverages: { 'c-later': 3, '': 1 } } });
  });

  test('the line comes back when it starts, without an event, and a delta has it', async () => {
    await eventually(async () => expect((await read(`Patient/${MEMBERS.waiting}`)).status).toBe(200), {
      timeout: 2 * BEFORE_START,
    });
    expect(Date.now()).toBeGreaterThanOrEqual(starts);
    for (const path of ['ExplanationOfBenefit/eob-later', 'Provenance/of-eob-later'])
      expect([path, (await read(path)).status]).toEqual([path, 200]);
    expect((await found(`ExplanationOfBenefit?patient=${MEMBERS.both}&_total=accurate`)).total).toBe(2);
    expect(await groupMembers()).toEqual([MEMBERS.both, MEMBERS.waiting].toSorted());
    const since = encodeURIComponent(new Date(starts - 1000).toISOString());
    expect(await run(`?_since=${since}`)).toEqual(
      ALL.filter((one) => !/unknown|unmapped|planless/.test(one)).toSorted(),
    );
    expect(await exported(before)).toEqual(ALL.filter((one) => !/unknown|unmapped|planless/.test(one)).toSorted());
  });
});
