import { randomInt } from 'node:crypto';
import type { DomainEvent } from '@provider-access/events';
import { npiOf } from '@provider-access/synthetic';
import { expect } from 'vitest';
import {
  findGroup,
  http,
  type HttpAnswer,
  json,
  kickOff,
  payerEvent,
  sealed,
  type Served,
  type TestApp,
  texts,
} from './road.ts';

/**
 * Members of lines of business, by hand (PEOPLE.md N60 to N63). `both` has a coverage of a line that has started and
 * one of a line that has not, with a claim of each.
 */
export const NPI = npiOf(randomInt(1e8));
export const MEMBERS = {
  both: 'm-both',
  waiting: 'm-waiting',
  unmapped: 'm-unmapped',
  planless: 'm-planless',
} as const;
export type Who = keyof typeof MEMBERS;
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

export const EVENTS: readonly DomainEvent[] = [
  payerEvent('payer.network-status-changed.v1', NPI, { npi: NPI, status: 'in-network', from: '2020-01-01' }),
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

/** What everybody gets who may see everything. */
export const ALL = [
  ...Object.values(MEMBERS).map((member) => `Patient/${member}`),
  'Coverage/c-open',
  'ExplanationOfBenefit/eob-open',
  ...LEFT_OUT,
].toSorted();
/** What is shared of the line that has started. */
export const OPEN = ['Coverage/c-open', 'ExplanationOfBenefit/eob-open', `Patient/${MEMBERS.both}`].toSorted();
/** What is shared when both lines have started. */
export const STARTED = ALL.filter((one) => !/unknown|unmapped|planless/.test(one)).toSorted();

/** The gates through which an app of the practice gets data, and the operators' view of them. */
export class Gates {
  readonly #platform: () => Served;
  readonly #app: TestApp;
  constructor(platform: () => Served, app: TestApp) {
    this.#platform = platform;
    this.#app = app;
  }

  async read(path: string): Promise<HttpAnswer> {
    return http(`${this.#platform().base}/fhir/${path}`, { token: await this.#app.tokens.get() });
  }
  operator(path: string, call: object = {}): Promise<HttpAnswer> {
    return http(`${this.#platform().base}${path}`, { token: this.#platform().administratorToken, ...call });
  }
  setLines(lines: readonly object[], reason: string): Promise<HttpAnswer> {
    return this.operator('/ops/lines', {
      method: 'POST',
      headers: { 'content-type': 'application/json' },
      body: JSON.stringify({ lines, reason }),
    });
  }
  async kickOff(query = ''): Promise<string> {
    const token = await this.#app.tokens.get();
    const { id } = await findGroup(this.#platform(), token, NPI);
    return kickOff(this.#platform(), token, id, query);
  }
  /** `Type/id` of each line of the files. */
  async exported(status: string): Promise<readonly string[]> {
    const token = await this.#app.tokens.get();
    return [...(await texts(await sealed(status, token), token)).values()]
      .flatMap((text) => text.trim().split('\n'))
      .filter((line) => line !== '')
      .map((line) => {
        const { resourceType, id } = JSON.parse(line) as { resourceType: string; id: string };
        return `${resourceType}/${id}`;
      })
      .toSorted();
  }
  async run(query = ''): Promise<readonly string[]> {
    return this.exported(await this.kickOff(query));
  }
  async explain(who: Who): Promise<{ decision: string; reason?: string; memberFacts: { coverage: object[] } }> {
    return json(await this.operator(`/ops/explain?client=${this.#app.clientId}&member=${MEMBERS[who]}`));
  }
  async found(query: string): Promise<{ total?: number; ids: readonly string[] }> {
    const { total, entry = [] } = json<{ total?: number; entry?: { resource: { id: string } }[] }>(
      await this.read(query),
    );
    return { ...(total !== undefined && { total }), ids: entry.map(({ resource }) => resource.id).toSorted() };
  }
  async groupMembers(): Promise<readonly string[]> {
    const { id } = await findGroup(this.#platform(), await this.#app.tokens.get(), NPI);
    const { member = [] } = json<{ member?: { entity: { reference: string } }[] }>(await this.read(`Group/${id}`));
    return member.map(({ entity }) => entity.reference.replace('Patient/', '')).toSorted();
  }
}

/** Checks that every gate shares the line that has started, and nothing of the other one. */
export async function sharesTheOpenLineAlone(gates: Gates): Promise<void> {
  for (const who of ['waiting', 'unmapped', 'planless'] as const) {
    const refused = await gates.read('Patient/m-unknown');
    const direct = await gates.read(`Patient/${MEMBERS[who]}`);
    expect([who, direct.status]).toEqual([who, 404]);
    expect(direct.body.toString().replaceAll(MEMBERS[who], 'ID')).toBe(
      refused.body.toString().replaceAll('m-unknown', 'ID'),
    );
    expect(await gates.explain(who)).toMatchObject({ decision: 'deny', reason: 'line-not-started' });
    expect((await gates.found(`Patient?_id=${MEMBERS[who]}`)).ids).toEqual([]);
  }
  expect((await gates.read(`Patient/${MEMBERS.both}`)).status).toBe(200);
  expect((await gates.read('ExplanationOfBenefit/eob-open')).status).toBe(200);
  for (const path of LEFT_OUT)
    for (const form of [path, `${path}/_history`, `${path}/_history/1`])
      expect([form, (await gates.read(form)).status]).toEqual([form, 404]);
  const of = `ExplanationOfBenefit?patient=${MEMBERS.both}`;
  expect((await gates.found(of)).ids).toEqual(['eob-open']);
  expect(await gates.found(`${of}&_total=accurate`)).toEqual({ total: 1, ids: ['eob-open'] });
  expect((await gates.found(`${of}&_summary=count`)).total).toBe(1);
  expect((await gates.found(`${of}&type=professional&_total=accurate`)).total).toBe(1);
  expect((await gates.found(`${of}&_sort=-_lastUpdated&_count=1`)).ids).toEqual(['eob-open']);
  expect((await gates.found(`ExplanationOfBenefit?_id=eob-open,eob-later,eob-unknown`)).ids).toEqual(['eob-open']);
  expect((await gates.found(`${of}&_include=ExplanationOfBenefit:coverage`)).ids).toEqual(['c-open', 'eob-open']);
  expect((await gates.found(`Coverage?patient=${MEMBERS.both}&_total=accurate`)).total).toBe(1);
  expect(await gates.groupMembers()).toEqual([MEMBERS.both]);
  expect(await gates.run()).toEqual(OPEN);
}
