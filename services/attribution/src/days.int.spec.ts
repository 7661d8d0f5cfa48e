import { afterEach, describe, expect, it } from 'vitest';
import type { DomainEvent } from '@provider-access/events';
import { PayerDays } from '@provider-access/domain/pdex/days';
import {
  ADMIN,
  coverageOf,
  attributed,
  enrolled,
  Harness,
  inNetwork,
  NPI,
  panel,
  payerEvent,
} from '../test/harness.ts';

let h: Harness;
afterEach(() => h.stop());

async function started(zones: readonly string[]): Promise<void> {
  h = await new Harness().start({}, new PayerDays(zones));
  await h.app1('c1', [`npi|${NPI}`]);
}
async function verdictAt(at: number): Promise<string> {
  await h.advance(at - h.now);
  const decision = await h.facts.access.decide('c1', { kind: 'read' }, 'm1');
  return decision.permit ? 'permit' : decision.reason;
}
const provider = { npi: NPI };
const coverage = (period: object): DomainEvent => coverageOf({ period }, { time: '2026-06-01T11:59:59Z' });
const inNetworkFrom = (from: string, status: string): DomainEvent =>
  payerEvent('payer.network-status-changed.v1', NPI, { npi: NPI, status, from });
const enrolment = (data: object): DomainEvent =>
  payerEvent('payer.member-enrolled.v1', 'm1', { coverageId: 'cov-m1', ...data });
const attribution = (data: object): DomainEvent =>
  payerEvent('payer.attribution-asserted.v1', 'm1', { provider, ...data });

/** Days of 2026: the statement, and the reason for which it is denied before (`from`) or afterwards. */
const BEGINS: readonly [string, string, readonly DomainEvent[]][] = [
  ['an enrolment', 'not-covered', [inNetwork(), attributed('m1'), enrolment({ from: '2026-07-01' })]],
  [
    'a changed coverage',
    'not-covered',
    [
      inNetwork(),
      attributed('m1'),
      payerEvent('payer.member-changed.v1', 'm1', { coverageId: 'cov-m1', from: '2026-07-01' }),
    ],
  ],
  ['a Coverage', 'not-covered', [inNetwork(), attributed('m1'), coverage({ start: '2026-07-01' })]],
  ['a Coverage from a month on', 'not-covered', [inNetwork(), attributed('m1'), coverage({ start: '2026-07' })]],
  ['an attribution', 'not-attributed', [inNetwork(), enrolled('m1'), attribution({ from: '2026-07-01' })]],
  ['a network contract', 'not-in-network', [...panel('m1'), inNetworkFrom('2026-07-01', 'in-network')]],
];
const ENDS: readonly [string, string, readonly DomainEvent[]][] = [
  ['an enrolment', 'not-covered', [inNetwork(), attributed('m1'), enrolment({ from: '2025-01-01', to: '2026-06-30' })]],
  [
    'a changed coverage',
    'not-covered',
    [
      inNetwork(),
      ...panel('m1'),
      payerEvent('payer.member-changed.v1', 'm1', { coverageId: 'cov-m1', to: '2026-06-30' }),
    ],
  ],
  [
    'a termination',
    'not-covered',
    [inNetwork(), ...panel('m1'), payerEvent('payer.member-terminated.v1', 'm1', { to: '2026-06-30' })],
  ],
  ['a Coverage', 'not-covered', [inNetwork(), attributed('m1'), coverage({ start: '2025', end: '2026-06-30' })]],
  ['a Coverage until a month', 'not-covered', [inNetwork(), attributed('m1'), coverage({ end: '2026-06' })]],
  [
    'an attribution',
    'not-attributed',
    [inNetwork(), enrolled('m1'), attribution({ from: '2025-01-01', to: '2026-06-30' })],
  ],
  [
    'the end of an attribution',
    'not-attributed',
    [inNetwork(), ...panel('m1'), payerEvent('payer.attribution-ended.v1', 'm1', { provider, to: '2026-06-30' })],
  ],
  [
    'a network contract that ends',
    'not-in-network',
    [inNetwork(), ...panel('m1'), inNetworkFrom('2026-07-01', 'out-of-network')],
  ],
];
/** The limits of 1 July: where it begins first, and where it begins last. */
const ZONES: readonly [string, readonly string[], string, string][] = [
  ['without a setting', [], '2026-06-30T10:00:00Z', '2026-07-01T12:00:00Z'],
  ['in Guam and Honolulu', ['Pacific/Guam', 'Pacific/Honolulu'], '2026-06-30T14:00:00Z', '2026-07-01T10:00:00Z'],
];

describe.each(ZONES)('days %s (finding M15)', (_where, zones, first, last) => {
  it.each(BEGINS)('%s begins in the latest zone', async (_what, reason, events) => {
    await started(zones);
    await h.publish(...events);
    expect(await verdictAt(Date.parse(last) - 1)).toBe(reason);
    expect(await verdictAt(Date.parse(last))).toBe('permit');
  });
  it.each(ENDS)('%s ends access in the earliest zone', async (_what, reason, events) => {
    await started(zones);
    await h.publish(...events);
    expect(await verdictAt(Date.parse(first) - 1)).toBe('permit');
    expect(await verdictAt(Date.parse(first))).toBe(reason);
  });
});

describe('a span of one day', () => {
  it('gives access while it is that day in every zone', async () => {
    await started(['America/New_York', 'America/Los_Angeles']);
    await h.publish(inNetwork(), attributed('m1'), enrolment({ from: '2026-07-01', to: '2026-07-01' }));
    const verdicts = [];
    for (const at of [
      '2026-07-01T06:59:59.999Z',
      '2026-07-01T07:00:00.000Z',
      '2026-07-02T03:59:59.999Z',
      '2026-07-02T04:00:00.000Z',
    ])
      verdicts.push(await verdictAt(Date.parse(at)));
    expect(verdicts).toEqual(['not-covered', 'permit', 'permit', 'not-covered']);
  });
  // No moment is on 1 July in both UTC+14 and UTC-12. The event is no fault: it also states that the earlier coverage
  // has ended.
  it('gives no access where there is no such time, and ends what was there before', async () => {
    await started([]);
    const parked = async (): Promise<number> =>
      (await h.log.head(['payer.member-events.dead-letter']))['payer.member-events.dead-letter']!.reduce(
        (sum, n) => sum + n,
        0,
      );
    await h.publish(
      inNetwork(),
      attributed('m1'),
      enrolled('m1'),
      payerEvent('payer.member-enrolled.v1', 'm1', { coverageId: 'cov-m1', from: '2026-07-01', to: '2026-07-01' }),
    );
    expect(await parked()).toBe(0);
    const verdicts = [];
    for (const at of ['2026-07-01T09:59:59.999Z', '2026-07-01T10:00:00.000Z', '2026-07-02T12:00:00.000Z'])
      verdicts.push(await verdictAt(Date.parse(at)));
    expect(verdicts).toEqual(['permit', 'not-covered', 'not-covered']);
  });
});

it('explain and the Group show the instants that decide', async () => {
  await started(['Pacific/Guam', 'Pacific/Honolulu']);
  const app = await h.app1('c2', [`npi|${NPI}`]);
  await h.publish(
    inNetwork(),
    enrolment({ from: '2025-01-01', to: '2026-12-31' }),
    attribution({ from: '2025-01-01', to: '2026-12-31' }),
  );
  const [from, until] = ['2025-01-01T10:00:00.000Z', '2026-12-31T14:00:00.000Z'];
  const explained = (await h.get('/ops/explain?client=c2&member=m1', { authorization: `Bearer ${ADMIN}` })).json<{
    memberFacts: { coverage: object[]; attributions: object[] };
  }>();
  expect(explained.memberFacts).toMatchObject({ coverage: [{ from, to: until }], attributions: [{ from, to: until }] });
  const bundle = (await h.get('/fhir/Group', app)).json<{ entry: { resource: { member: { period: object }[] } }[] }>();
  expect(bundle.entry[0]!.resource.member[0]!.period).toEqual({ start: from, end: '2026-12-31T13:59:59.999Z' });
});

it('P16: a day of the past has the instants by which it decided then', async () => {
  await started(['Pacific/Guam', 'Pacific/Honolulu']);
  await h.publish(inNetwork(), ...panel('m1'));
  await h.publish(payerEvent('payer.member-terminated.v1', 'm1', { to: '2026-06-30' }));
  // 1 July begins in Guam. In UTC it would begin ten hours later.
  const end = Date.parse('2026-06-30T14:00:00Z');
  const instants = [end - 1, end, Date.parse('2026-07-01T00:00:00Z') - 1];
  const served = [];
  for (const at of instants) served.push(await verdictAt(at));
  expect(served).toEqual(['permit', 'not-covered', 'not-covered']);
  await h.advance(3600_000);
  for (const known of ['', `&known=${new Date(h.now).toISOString()}`])
    for (const [n, at] of instants.entries()) {
      const url = `/ops/explain?client=c1&member=m1&at=${new Date(at).toISOString()}${known}`;
      const answer = (await h.get(url, { authorization: `Bearer ${ADMIN}` })).json<Record<string, string>>();
      expect([url, answer['reason'] ?? answer['decision']]).toEqual([url, served[n]]);
    }
});
