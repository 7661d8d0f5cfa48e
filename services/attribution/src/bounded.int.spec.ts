import { afterEach, beforeEach, expect, it } from 'vitest';
import {
  type DomainEvent,
  encodeEvent,
  PA_ATTRIBUTION,
  PA_MEMBERS,
  PA_PROVIDERS,
  PAYER_MEMBER_EVENTS,
  PAYER_PROVIDER_EVENTS,
  PROGRESS_TYPE,
} from '@provider-access/events';
import { variant } from '@provider-access/testing/variant';
import { attributed, enrolled, Harness, inNetwork, NPI, OTHER_NPI, panel, payerEvent, START } from '../test/harness.ts';

/** Finding H7 (SECURITY.md). */
const MANY = variant.long ? 100_000 : 300;
/** ms. Documents of 200 coverages cost 6 ms an event on a busy machine. The limit only ends a test that hangs. */
const PATIENCE = 3_600_000;

let h: Harness;
beforeEach(async () => {
  h = await new Harness().start();
  await h.publish(inNetwork(), inNetwork(OTHER_NPI), ...panel('m1'), enrolled('other'), attributed('other', OTHER_NPI));
});
afterEach(() => h.stop());

const size = (value: unknown): number => JSON.stringify(value ?? '').length;
const TOPICS = [PA_MEMBERS, PA_ATTRIBUTION, PA_PROVIDERS];
const records = () =>
  TOPICS.flatMap((topic) =>
    h.log.data.records(topic).map((partition) => partition.filter((r) => r.headers['ce_type'] !== PROGRESS_TYPE)),
  );

interface Cost {
  readonly records: number;
  readonly logBytes: number;
  readonly statements: number;
  readonly documentBytes: number;
  readonly memoryBytes: number;
}
/**
 * What one event writes and reads in the state store, and how large the document of the member and the memory of the
 * provider are afterwards. Reports of progress do not count.
 */
async function costOf(event: DomainEvent): Promise<Cost> {
  const before = records().map(({ length }) => length);
  h.calls.length = 0;
  await h.publish(event);
  const added = records().flatMap((partition, p) => partition.slice(before[p]));
  const { parties } = h.facts;
  const key = `npi|${NPI}` as const;
  return {
    records: added.length,
    logBytes: added.reduce((sum, r) => sum + r.value.byteLength + size(r.headers), 0),
    statements: h.calls.length,
    documentBytes: size(await h.facts.reader.get('m1')),
    memoryBytes: size([parties.networkStatements(key).steps, parties.network(key), parties.identity(key)]),
  };
}

interface Kind {
  readonly what: string;
  /** The type without `payer.` and the version. */
  readonly nth: (n: number) => {
    readonly type: string;
    readonly data: unknown;
    readonly subject?: string;
    readonly source?: string;
    readonly time?: number;
  };
  /** Repetitions until nothing grows any more: a documented number (ADR 0017). */
  readonly full?: number;
}
/** Numbers and past days of the same length. */
const pad = (n: number): string => String(n).padStart(8, '0');
const day = (n: number): string =>
  new Date(Date.UTC(1950, 0, 1) + (n % 20_000) * 86_400_000).toISOString().slice(0, 10);
const provider = { npi: NPI };
const event = (n: number, { nth }: Kind): DomainEvent => {
  const { type, data, subject = 'm1', source = 'urn:payer', time = START - 10_000_000 + n } = nth(n);
  return payerEvent(`payer.${type}.v1`, subject, data, {
    id: `event-${pad(n)}`,
    source,
    time: new Date(time).toISOString(),
  });
};
const topicOf = ({ type }: DomainEvent): string =>
  type.includes('network') ? PAYER_PROVIDER_EVENTS : PAYER_MEMBER_EVENTS;
const network = (data: object) => ({ type: 'network-status-changed', subject: NPI, data: { npi: NPI, ...data } });
const coverage = {
  resourceType: 'Coverage',
  id: 'c',
  status: 'active',
  beneficiary: { reference: 'Patient/m1' },
  payor: [{ display: 'P' }],
  period: { start: '2025-01-01' },
};

it.each<Kind>([
  {
    what: 'the same enrolment',
    nth: () => ({ type: 'member-enrolled', data: { coverageId: 'c', from: '2025-01-01' } }),
  },
  {
    what: 'an enrolment of each day',
    nth: (n) => ({ type: 'member-enrolled', data: { coverageId: 'c', from: day(n) } }),
  },
  {
    what: 'an enrolment and its end in turns',
    nth: (n) =>
      n % 2 === 0
        ? { type: 'member-enrolled', data: { coverageId: 'c', from: day(n) } }
        : { type: 'member-terminated', data: { coverageId: 'c', to: day(n) } },
  },
  {
    what: 'an enrolment in a new coverage',
    nth: (n) => ({ type: 'member-enrolled', data: { coverageId: `c-${pad(n)}`, from: '2025-01-01' } }),
    full: 200,
  },
  { what: 'an end of every coverage', nth: (n) => ({ type: 'member-terminated', data: { to: day(n) } }) },
  { what: 'an end of coverage that cannot be read', nth: () => ({ type: 'member-terminated', data: { to: 'soon' } }) },
  { what: 'a Coverage', nth: () => ({ type: 'resource-recorded', data: { resource: coverage } }) },
  {
    what: 'an enrolment by each of many sources',
    nth: (n) => ({ type: 'member-enrolled', data: { coverageId: 'c', from: day(n) }, source: `urn:payer:${pad(n)}` }),
    full: 51,
  },
  {
    what: 'the same attribution',
    nth: () => ({ type: 'attribution-asserted', data: { provider, from: '2025-01-01' } }),
  },
  {
    what: 'an attribution of each day',
    nth: (n) => ({ type: 'attribution-asserted', data: { provider, from: day(n) } }),
  },
  {
    what: 'an end of the attribution of each day',
    nth: (n) => ({ type: 'attribution-ended', data: { provider, to: day(n) } }),
  },
  {
    what: 'an attribution and its end in turns',
    nth: (n) =>
      n % 2 === 0
        ? { type: 'attribution-asserted', data: { provider, from: day(n) } }
        : { type: 'attribution-ended', data: { provider, to: day(n) } },
  },
  { what: 'the same merge', nth: () => ({ type: 'members-merged', data: { from: 'old' } }) },
  {
    what: 'a merge with a further id',
    nth: (n) => ({ type: 'members-merged', data: { from: `old-${pad(n)}` } }),
    full: 100,
  },
  { what: 'a merge that cannot be read', nth: () => ({ type: 'members-merged', data: { from: '' } }) },
  { what: 'the same network status', nth: () => network({ status: 'in-network', from: '2025-01-01' }) },
  {
    what: 'the same network status of before',
    nth: (n) => ({ ...network({ status: 'in-network', from: '2025-01-01' }), time: START - 20_000_000 - n }),
  },
  {
    what: 'a network status of each day in turns',
    nth: (n) => network({ status: n % 2 === 0 ? 'in-network' : 'out-of-network', from: day(n) }),
  },
  { what: 'a network status that cannot be read', nth: () => network({ status: 'perhaps' }) },
])(
  `$what under a new id: event ${MANY} costs no more than the tenth, and the others stay readable`,
  async (kind) => {
    const { full = 0 } = kind;
    const costs: Cost[] = [];
    const flood = async (from: number, to: number): Promise<void> => {
      for (let n = from; n < to; n += 1_000) {
        const events = Array.from({ length: Math.min(1_000, to - n) }, (_, i) => event(n + i, kind));
        await h.log.append(
          topicOf(events[0]!),
          events.map((e) => encodeEvent(e)),
        );
        await h.publish();
      }
    };
    await flood(1, full + 10);
    for (let n = full + 10; n <= full + 20; n++) costs.push(await costOf(event(n, kind)));
    await flood(full + 21, MANY - 10);
    const most = (measure: keyof Cost): number => Math.max(...costs.map((cost) => cost[measure]));
    for (let n = MANY - 10; n <= MANY; n++) {
      const cost = await costOf(event(n, kind));
      for (const measure of Object.keys(cost) as (keyof Cost)[])
        expect(cost[measure], measure).toBeLessThanOrEqual(most(measure));
    }
    const app = await h.app1('c1', [`npi|${NPI}`, `npi|${OTHER_NPI}`]);
    const groups = (await h.get('/fhir/Group', app)).json<{ entry: { resource: { member?: unknown[] } }[] }>().entry;
    expect(groups.flatMap(({ resource }) => resource.member ?? [])).toContainEqual(
      expect.objectContaining({ entity: { reference: 'Patient/other' } }),
    );
  },
  PATIENCE,
);
