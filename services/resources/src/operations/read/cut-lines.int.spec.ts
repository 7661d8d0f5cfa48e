import { afterEach, expect, it } from 'vitest';
import { PA_RECORDS, textOf } from '@provider-access/events';
import {
  DEFAULT_LABEL_POLICY,
  isCut,
  type LabelPolicy,
  labelPolicy,
  listsOf,
  putInForce,
} from '@provider-access/domain/pdex/labels';
import { type Answer, House, type HouseOptions, type Loose } from '../../../test/harness.ts';

/** R15: the lines of a claim with codes of CMS's list, by the policy for them. */
const PART_2 = 'http://terminology.hl7.org/CodeSystem/v3-ActCode|42CFRPart2';
const policy = (rule: 'withhold' | 'withhold line' | 'release'): LabelPolicy => ({
  ...DEFAULT_LABEL_POLICY,
  ...labelPolicy({ [PART_2]: rule }),
});
const HCPCS = 'https://www.cms.gov/Medicare/Coding/HCPCSReleaseCodeSets';
const coded = (code: string) => ({ coding: [{ system: HCPCS, code }] });
const claim = (id: string, second: string, more: object = {}) => ({
  resourceType: 'ExplanationOfBenefit',
  id,
  status: 'active',
  use: 'claim',
  outcome: 'complete',
  type: { coding: [{ system: 'http://terminology.hl7.org/CodeSystem/claim-type', code: 'professional' }] },
  patient: { reference: 'Patient/m1' },
  created: '2025-02-01',
  billablePeriod: { start: '2025-01-05', end: '2025-01-20' },
  insurer: { reference: 'Organization/payer' },
  provider: { reference: 'Organization/billing' },
  insurance: [{ focal: true, coverage: { reference: 'Coverage/c' } }],
  careTeam: [
    { sequence: 1, provider: { reference: 'Practitioner/visit' } },
    { sequence: 2, provider: { reference: 'Practitioner/clinic' } },
  ],
  item: [
    { sequence: 1, productOrService: coded('99213'), servicedDate: '2025-01-05', careTeamSequence: [1] },
    { sequence: 2, productOrService: coded(second), servicedDate: '2025-01-20', careTeamSequence: [2] },
  ],
  ...more,
});
const practitioner = (id: string) => ({ resourceType: 'Practitioner', id, name: [{ family: id }] });
const TELLS = /H0020|H0015|clinic|2025-01-20/;

let house: House;
let token: string;
const open = async (options: HouseOptions): Promise<void> => {
  house = await House.open({ codeLists: listsOf([]), ...options });
  token = await house.token('app1');
};
const start = async (options: HouseOptions): Promise<void> => {
  await open(options);
  await house.approve('app1');
  await house.attribute('m1');
  await house.publish(
    ['visit', 'clinic'].map((id) => ({
      type: 'payer.provider-recorded.v1',
      subject: id,
      resource: practitioner(id),
    })),
  );
};
afterEach(async () => {
  await house.close();
  putInForce(listsOf([]));
});
let events = 0;
const publish = async (resource: object, time: string): Promise<Loose> => {
  const { receipt } = await house.publish([{ id: `claim-${(events += 1)}`, subject: 'm1', time, resource }]);
  await house.settled();
  return receipt;
};
const get = (path: string): Promise<Answer> => house.call('GET', `/fhir/${path}`, { token });
const record = async (id: string): Promise<Loose> =>
  (await house.records.load([`m1/ExplanationOfBenefit/${id}`]))[0] as Loose;
const search = async (query: string): Promise<{ ids: string[]; total: number; text: string }> => {
  const answer = await get(`ExplanationOfBenefit?patient=m1${query}`);
  const { total, entry = [] } = answer.json();
  return { total, ids: entry.map(({ resource }: Loose) => resource.id), text: answer.text };
};

it('serves the rest in reads and searches, and nothing finds the line or what only it names', async () => {
  await start({ labels: policy('withhold line') });
  const receipt = await publish(claim('mixed', 'H0020'), '2025-02-01T00:00:00Z');
  expect(receipt.withheldTags).toEqual({ 'HCPCS H0020, list 2026-08-22, 42 CFR Part 2 (line)': 1 });
  await publish(claim('all', 'H0020', { subType: coded('H0015') }), '2025-02-01T00:00:00Z');
  await publish(claim('plain', '99214'), '2025-02-01T00:00:00Z');

  const read = await get('ExplanationOfBenefit/mixed');
  expect(read.json()).toMatchObject({
    billablePeriod: { start: '2025-01-05', end: '2025-01-05' },
    careTeam: [{ sequence: 1, provider: { reference: 'Practitioner/visit' } }],
    item: [{ sequence: 1, careTeamSequence: [1], productOrService: coded('99213') }],
  });
  expect(read.text).not.toMatch(TELLS);
  expect((await get('ExplanationOfBenefit/all')).status).toBe(404);
  for (const [query, ids] of [
    ['', ['mixed', 'plain']],
    ['&_summary=count', []],
    ['&care-team=Practitioner/visit', ['mixed', 'plain']],
    ['&care-team=Practitioner/clinic', ['plain']],
    ['&billable-period-start=2025-01-05', ['mixed', 'plain']],
    ['&service-date=2025-01-05', ['mixed', 'plain']],
  ] as const) {
    const found = await search(query);
    expect([query, found.ids.toSorted()]).toEqual([query, ids]);
    expect([query, found.total]).toEqual([query, query === '&care-team=Practitioner/clinic' ? 1 : 2]);
  }
  const included = await search('&_id=mixed&_include=ExplanationOfBenefit:*');
  expect(included.ids).toEqual(['mixed', 'visit']);
  expect(included.text).not.toMatch(TELLS);
  const { references, line, ...stored } = await record('mixed');
  expect([references, Buffer.from(line).toString()].join()).not.toMatch(TELLS);
  expect(stored.labels.every(isCut)).toBe(true);
});

it('makes no version of a change in the line alone, and keeps the line for another policy', async () => {
  await start({ labels: policy('withhold line') });
  await publish(claim('mixed', 'H0020'), '2025-02-01T00:00:00Z');
  await publish(claim('mixed', 'H0015'), '2025-02-02T00:00:00Z');
  expect((await get('ExplanationOfBenefit/mixed')).json().meta.versionId).toBe('1');
  expect((await record('mixed')).labels.join()).toMatch(/H0015/);
  // The log has what was sent last, so that a later list can bring the line back.
  const head = (await house.log.head([PA_RECORDS]))[PA_RECORDS]!;
  const all = await Promise.all(head.map((end, partition) => house.log.read(PA_RECORDS, partition, 0, end)));
  const last = all.flat().findLast(({ key }) => key.endsWith('/mixed'))!;
  const { whole, line } = JSON.parse(textOf(last)) as { whole: { line: string }; line: string };
  expect(whole.line).toMatch(/H0015/);
  expect(line).not.toMatch(TELLS);

  // A change of another line is a version, and neither version has the line.
  await publish(claim('mixed', 'H0015', { outcome: 'partial' }), '2025-02-03T00:00:00Z');
  const history = await get('ExplanationOfBenefit/mixed/_history');
  expect(history.json().total).toBe(2);
  expect(history.text).not.toMatch(TELLS);
  // A line that is no longer sensitive comes with its version, and one that becomes sensitive goes.
  await publish(claim('mixed', '99214', { outcome: 'partial' }), '2025-02-04T00:00:00Z');
  expect((await get('ExplanationOfBenefit/mixed')).json().item).toHaveLength(2);
  await publish(claim('mixed', 'H0020', { outcome: 'partial' }), '2025-02-05T00:00:00Z');
  const now = (await get('ExplanationOfBenefit/mixed')).json();
  expect([now.meta.versionId, now.item.length]).toEqual(['4', 1]);
  expect((await get('ExplanationOfBenefit/mixed/_history/1')).text).not.toMatch(TELLS);

  // The removal of what was served is no secret.
  await publish(claim('mixed', 'H0020', { status: 'entered-in-error' }), '2025-02-06T00:00:00Z');
  expect((await get('ExplanationOfBenefit/mixed')).status).toBe(410);
});
