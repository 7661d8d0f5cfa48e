import { afterEach, beforeEach, expect, it } from 'vitest';
import { type DomainEvent, encodeEvent, PA_ATTRIBUTION, PA_MEMBERS, PAYER_MEMBER_EVENTS, PROGRESS_TYPE } from '@provider-access/events';
import { variant } from '@provider-access/testing/variant';
import { attributed, enrolled, Harness, inNetwork, NPI, payerEvent, START } from '../test/harness.ts';

/** Finding H7 (SECURITY.md). */
const MANY = variant.long ? 20_000 : 500;

let h: Harness;
beforeEach(async () => {
  h = await new Harness().start();
  await h.publish(inNetwork(), enrolled('m1'), attributed('m1'), enrolled('other'), attributed('other'));
});
afterEach(() => h.stop());

const size = (value: unknown): number => JSON.stringify(value).length;
const records = () => [PA_MEMBERS, PA_ATTRIBUTION].flatMap((topic) => h.log.data.topics.get(topic)!.map((partition) => partition.filter((r) => r.headers['ce_type'] !== PROGRESS_TYPE)));

interface Cost { readonly records: number; readonly logBytes: number; readonly documentBytes: number }
/** What one event writes, and how large the document of the member is afterwards. Reports of progress do not count. */
async function costOf(event: DomainEvent): Promise<Cost> {
  const before = records().map(({ length }) => length);
  await h.publish(event);
  const added = records().flatMap((partition, p) => partition.slice(before[p]));
  return { records: added.length, logBytes: added.reduce((sum, r) => sum + r.value.byteLength + size(r.headers), 0), documentBytes: size(await h.facts.reader.get('m1')) };
}

type Nth = (n: number) => { readonly type: string; readonly data: unknown };
/** Days of the past that are as long as each other. */
const day = (n: number): string => new Date(Date.UTC(1950, 0, 1) + n * 86_400_000).toISOString().slice(0, 10);
const provider = { npi: NPI };
const event = (n: number, nth: Nth): DomainEvent => {
  const { type, data } = nth(n);
  return payerEvent(type, 'm1', data, { id: `event-${String(n).padStart(8, '0')}`, time: new Date(START - 10_000_000 + n).toISOString() });
};

it.each<[string, Nth, number?]>([
  ['the same enrolment', () => ({ type: 'payer.member-enrolled.v1', data: { coverageId: 'c', from: '2025-01-01' } })],
  ['an enrolment of each day', (n) => ({ type: 'payer.member-enrolled.v1', data: { coverageId: 'c', from: day(n) } })],
  ['an enrolment and its end in turns', (n) => ({ type: `payer.member-${n % 2 === 0 ? 'enrolled' : 'terminated'}.v1`, data: { coverageId: 'c', [n % 2 === 0 ? 'from' : 'to']: day(n) } }), 2],
  ['an end of every coverage', (n) => ({ type: 'payer.member-terminated.v1', data: { to: day(n) } })],
  ['a Coverage', () => ({ type: 'payer.resource-recorded.v1', data: { resource: { resourceType: 'Coverage', id: 'c', status: 'active', beneficiary: { reference: 'Patient/m1' }, payor: [{ display: 'P' }], period: { start: '2025-01-01' } } } })],
  ['the same attribution', () => ({ type: 'payer.attribution-asserted.v1', data: { provider, from: '2025-01-01' } })],
  ['an attribution of each day', (n) => ({ type: 'payer.attribution-asserted.v1', data: { provider, from: day(n) } })],
  ['an end of the attribution of each day', (n) => ({ type: 'payer.attribution-ended.v1', data: { provider, to: day(n) } })],
  ['the same merge', () => ({ type: 'payer.members-merged.v1', data: { from: 'old' } })],
])(`%s under a new id: event ${MANY} costs no more than the tenth, and the others stay readable`, async (_what, nth, inTurns = 1) => {
  const costs: Cost[] = [];
  for (let n = 1; n <= 20; n++) costs.push(await costOf(event(n, nth)));
  for (let n = 21; n < MANY - 11; n += 1_000) {
    await h.log.append(PAYER_MEMBER_EVENTS, Array.from({ length: Math.min(1_000, MANY - 11 - n) }, (_, i) => encodeEvent(event(n + i, nth))));
    await h.publish();
  }
  for (let n = MANY - 11; n <= MANY; n++) {
    const cost = await costOf(event(n, nth));
    if (n % 2 === 0) for (const measure of Object.keys(cost) as (keyof Cost)[]) expect(cost[measure], measure).toBeLessThanOrEqual(costs[10 * inTurns - 1]![measure]);
  }
  const app = await h.app1('c1', [`npi|${NPI}`]);
  expect((await h.get('/fhir/Group', app)).json<{ entry: { resource: { member: unknown[] } }[] }>().entry[0]!.resource.member).toContainEqual(expect.objectContaining({ entity: { reference: 'Patient/other' } }));
}, 600_000);
