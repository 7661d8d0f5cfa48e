import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { DENIALS, type ProviderKey } from '@provider-access/events';
import { cases } from '@provider-access/testing/variant';
import { type AccessRequest, decide, type MemberFacts, visibleSince } from './decide.ts';
import type { AttributionFact, ClientFacts, LinesFact, NetworkFact, PartyFacts } from './facts.ts';

const NOW = '2026-06-01T00:00:00.000Z';
const PAST = '2025-01-01T00:00:00.000Z';
const NPI: ProviderKey = 'npi|1000000001';
const request: AccessRequest = { client: 'c1', purpose: { kind: 'read' }, member: 'm1', now: NOW };
const bound = (...providers: readonly ProviderKey[]): ClientFacts['bindings'] =>
  providers.map((provider) => ({ provider, from: PAST, recordedAt: PAST }));
const client: ClientFacts = {
  client: 'c1',
  name: 'c1',
  status: 'approved',
  history: [
    { status: 'submitted', at: PAST },
    { status: 'approved', at: PAST },
  ],
  bindings: bound(NPI),
  scope: '',
};
const attribution: AttributionFact = { group: 'g1', providers: [NPI], from: PAST, recordedAt: PAST, event: 'a' };
const member: MemberFacts = {
  member: 'm1',
  sources: ['urn:s'],
  coverage: [{ coverageId: 'c', from: PAST, recordedAt: PAST, event: 'c' }],
  attributions: [attribution],
  optOuts: [],
  holds: [],
  mergedWith: [],
};
interface World {
  client?: ClientFacts | undefined;
  network?: readonly NetworkFact[];
  sourceHolds?: MemberFacts['holds'];
  asOf?: string;
  joined?: readonly ProviderKey[];
  specialties?: Readonly<Record<ProviderKey, readonly string[]>>;
  lines?: readonly LinesFact[];
  holdsUntilNotice?: boolean;
}
const party = (w: World = {}): PartyFacts => ({
  client: (id) => (id === 'c1' ? ('client' in w ? w.client : client) : undefined),
  network: () => w.network ?? [{ status: 'in-network', from: PAST }],
  sourceHolds: () => w.sourceHolds ?? [],
  asOf: () => w.asOf,
  identity: (p) => (w.joined?.includes(p) ? w.joined : [p]),
  specialties: (p) => w.specialties?.[p] ?? [],
  deactivated: () => false,
  lines: () => w.lines ?? [],
  ...(w.holdsUntilNotice !== undefined && { holdsUntilNotice: w.holdsUntilNotice }),
});
const ask = (m: Partial<MemberFacts> | undefined = {}, w: World = {}, r: Partial<AccessRequest> = {}): string => {
  const d = decide(
    { ...request, ...r },
    { member: m === undefined ? undefined : { ...member, ...m }, party: party(w) },
  );
  return d.permit ? 'permit' : d.reason;
};
const hold = { deadLetter: 'dl', eventType: 't', from: PAST };
const told = { kind: 'first', event: 'n', from: PAST, recordedAt: PAST };
const optOut = { scope: 'global', from: PAST, recordedAt: PAST, event: 'o' };
const CARDIOLOGY_OUT = { ...optOut, scope: 'provider-category', categories: ['207RC0000X'] };

describe('decide', () => {
  it('permits a covered, attributed member in network who did not opt out, to an approved client', () =>
    expect(ask()).toBe('permit'));
  it('N39 permits after a notice, and without one where the deployment asks for none', () => {
    expect(ask({ notices: [told] }, { holdsUntilNotice: true })).toBe('permit');
    expect(ask({ notices: [] }, { holdsUntilNotice: false })).toBe('permit');
  });
  it('N39 counts a member as visible since the oldest notice in force, or since it was recorded', () => {
    const recorded = '2025-12-31T00:00:00.000Z';
    const notices = [told, { ...told, recordedAt: recorded, from: recorded }].map((n) => ({
      ...n,
      recordedAt: recorded,
    }));
    const since = (holdsUntilNotice: boolean): number =>
      visibleSince(request, { member: { ...member, notices }, party: party({ holdsUntilNotice }) });
    expect(since(true)).toBe(Math.max(Date.parse(recorded), since(false)));
    expect(since(true)).toBeGreaterThan(since(false));
  });
  it.each<[string, string, Parameters<typeof ask>]>([
    ['a client nobody knows', 'client-unknown', [{}, { client: undefined }]],
    [
      'a client not approved',
      'client-not-approved',
      [{}, { client: { ...client, history: [{ status: 'submitted', at: PAST }] } }],
    ],
    [
      'a suspended client',
      'client-not-approved',
      [{}, { client: { ...client, history: [...client.history, { status: 'suspended', at: NOW }] } }],
    ],
    ['N39 no notice, where the deployment asks for one', 'notice', [{}, { holdsUntilNotice: true }]],
    [
      'N39 a notice that does not count yet',
      'notice',
      [{ notices: [{ ...told, from: '2099-01-01T00:00:00.000Z' }] }, { holdsUntilNotice: true }],
    ],
    ['N39 no notice and an opt-out', 'opted-out', [{ optOuts: [optOut] }, { holdsUntilNotice: true }]],
    ['a parked event', 'on-hold', [{ holds: [hold] }]],
    ['a parked event of the source', 'source-on-hold', [{}, { sourceHolds: [hold] }]],
    ['no attribution', 'not-attributed', [{ attributions: [] }]],
    ['an attribution that ends now', 'not-attributed', [{ attributions: [{ ...attribution, to: NOW }] }]],
    ["another client's provider", 'not-attributed', [{ attributions: [{ ...attribution, providers: ['npi|9'] }] }]],
    ['another Group', 'not-attributed', [{}, {}, { purpose: { kind: 'export', group: 'g2' } }]],
    ['an opt-out', 'opted-out', [{ optOuts: [optOut] }]],
    [
      'an opt-out of this provider',
      'opted-out',
      [{ optOuts: [{ ...optOut, scope: 'provider-specific', targets: [NPI] }] }],
    ],
    [
      'an opt-out of another identifier that the directory joins',
      'opted-out',
      [
        { optOuts: [{ ...optOut, scope: 'provider-specific', targets: ['tin|123456789'] }] },
        { joined: [NPI, 'tin|123456789'] },
      ],
    ],
    [
      'an opt-out of another identifier that the client is bound to',
      'opted-out',
      [
        { optOuts: [{ ...optOut, scope: 'provider-specific', targets: ['tin|123456789'] }] },
        { client: { ...client, bindings: bound(NPI, 'tin|123456789') } },
      ],
    ],
    [
      'an opt-out of a scope that is not evaluated narrower',
      'opted-out',
      [{ optOuts: [{ ...optOut, scope: 'purpose-specific', targets: ['npi|9'] }] }],
    ],
    [
      'N7 an opt-out of the specialty of this provider',
      'opted-out',
      [{ optOuts: [CARDIOLOGY_OUT] }, { specialties: { [NPI]: ['208600000X', '207RC0000X'] } }],
    ],
    [
      'N7 an opt-out of a group of specialties',
      'opted-out',
      [{ optOuts: [{ ...CARDIOLOGY_OUT, categories: ['207R00000X'] }] }, { specialties: { [NPI]: ['207RC0000X'] } }],
    ],
    [
      'N7 an opt-out of the specialty of another identifier that the directory joins',
      'opted-out',
      [
        { optOuts: [CARDIOLOGY_OUT] },
        { joined: [NPI, 'tin|123456789'], specialties: { 'tin|123456789': ['207RC0000X'] } },
      ],
    ],
    ['N7 an opt-out of a category, and no known specialty', 'opted-out', [{ optOuts: [CARDIOLOGY_OUT] }]],
    [
      'N7 an opt-out of a category, and a client of unknown specialty',
      'opted-out',
      [
        { optOuts: [CARDIOLOGY_OUT], attributions: [{ ...attribution, providers: [NPI, 'npi|1000000012'] }] },
        {
          client: { ...client, bindings: bound('npi|1000000012') },
          specialties: { [NPI]: ['208600000X'] },
        },
      ],
    ],
    [
      'N7 an opt-out of a category, and a client with one provider of unknown specialty beside a known one',
      'opted-out',
      [
        { optOuts: [CARDIOLOGY_OUT] },
        { client: { ...client, bindings: bound(NPI, 'npi|1000000012') }, specialties: { [NPI]: ['208600000X'] } },
      ],
    ],
    ['R26 no coverage', 'not-covered', [{ coverage: [] }]],
    [
      'a provider out of network',
      'not-in-network',
      [
        {},
        {
          network: [
            { status: 'in-network', from: PAST },
            { status: 'out-of-network', from: NOW },
          ],
        },
      ],
    ],
    ['a provider without network status', 'not-in-network', [{}, { network: [] }]],
  ])('denies %s', (_name, reason, args) => expect(ask(...args)).toBe(reason));
  it('denies an unknown member', () =>
    expect(decide(request, { member: undefined, party: party() })).toEqual({
      permit: false,
      reason: 'member-unknown',
    }));
  it.each([
    [
      'an opt-out of another provider',
      { optOuts: [{ ...optOut, scope: 'provider-specific', targets: ['npi|9' as ProviderKey] }] },
    ],
    ['an opt-out that has ended', { optOuts: [{ ...optOut, to: NOW }] }],
    [
      'N5 N6 an opt-out that bars nobody here',
      { optOuts: [{ ...optOut, scope: 'purpose-specific', bars: 'nobody' as const }] },
    ],
    ['a hold that was released', { holds: [{ ...hold, to: NOW }] }],
  ])('permits in spite of %s', (_name, m) => expect(ask(m)).toBe('permit'));
  it('N7 permits a provider of another specialty than the opt-out names', () =>
    expect(ask({ optOuts: [CARDIOLOGY_OUT] }, { specialties: { [NPI]: ['208600000X', '207RN0300X'] } })).toBe(
      'permit',
    ));
});

/** Finding H2 (SECURITY.md): the deciding clock is an hour behind the clock that stamped the event. */
describe('decide, with a clock that is behind the one that stamped an event', () => {
  const LATER = '2026-06-01T01:00:00.000Z';
  const later = { from: LATER, recordedAt: LATER };
  it.each<[string, string, Parameters<typeof ask>]>([
    ['an opt-out', 'opted-out', [{ optOuts: [{ ...optOut, ...later }], asOf: LATER }]],
    ['a hold', 'on-hold', [{ holds: [{ ...hold, from: LATER }], asOf: LATER }]],
    ['a hold of the source', 'source-on-hold', [{}, { sourceHolds: [{ ...hold, from: LATER }], asOf: LATER }]],
    ['the end of the coverage', 'not-covered', [{ coverage: [{ ...member.coverage[0]!, to: LATER }], asOf: LATER }]],
    ['the end of the attribution', 'not-attributed', [{ attributions: [{ ...attribution, to: LATER }], asOf: LATER }]],
    [
      'the suspension of the client',
      'client-not-approved',
      [{}, { client: { ...client, history: [...client.history, { status: 'suspended', at: LATER }] }, asOf: LATER }],
    ],
    [
      'the end of the network contract',
      'not-in-network',
      [
        {},
        {
          network: [
            { status: 'in-network', from: PAST },
            { status: 'out-of-network', from: LATER },
          ],
          asOf: LATER,
        },
      ],
    ],
  ])('%s denies', (_what, reason, args) => {
    expect(ask(...args)).toBe(reason);
    // A question about the past gets the answer of that time.
    expect(ask(args[0], args[1], { past: true })).toBe('permit');
  });
  it('an opt-out that is dated ahead does not deny before its day', () => {
    expect(ask({ optOuts: [{ ...optOut, from: '2026-07-01T00:00:00.000Z', recordedAt: LATER }], asOf: LATER })).toBe(
      'permit',
    );
  });
});

const at = fc.integer({ min: 0, max: 20 }).map((d) => new Date(Date.UTC(2026, 4, 22 + d)).toISOString());
const interval = fc
  .tuple(at, fc.option(at, { nil: undefined }))
  .map(([from, to]) => ({ from, ...(to !== undefined && { to }) }));
const providers = fc.subarray<ProviderKey>([NPI, 'npi|2', 'tin|3'], { minLength: 1 });
const facts = fc.record({
  member: fc.constant('m1'),
  sources: fc.constant(['urn:s']),
  mergedWith: fc.constant([]),
  coverage: fc.array(
    interval.map((i) => ({ ...i, coverageId: 'c', recordedAt: i.from, event: 'c' })),
    { maxLength: 3 },
  ),
  attributions: fc.array(
    fc
      .tuple(interval, providers)
      .map(([i, p]) => ({ ...i, group: 'g1', providers: p, recordedAt: i.from, event: 'a' })),
    { maxLength: 3 },
  ),
  optOuts: fc.array(
    interval.map((i) => ({ ...i, scope: 'global', recordedAt: i.from, event: 'o' })),
    { maxLength: 2 },
  ),
  holds: fc.array(
    interval.map((i) => ({ ...i, deadLetter: 'dl', eventType: 't' })),
    { maxLength: 2 },
  ),
});

describe('decide, whatever the facts', () => {
  it('returns permit or one of the reasons, and never permits against the rule', () => {
    fc.assert(
      fc.property(facts, (m) => {
        const d = decide(request, { member: m, party: party() });
        if (!d.permit) {
          expect(DENIALS).toHaveProperty(d.reason);
          return;
        }
        const now = Date.parse(NOW);
        const holds = (i: { from: string; to?: string }): boolean =>
          Date.parse(i.from) <= now && (i.to === undefined || now < Date.parse(i.to));
        expect(m.holds.some(holds) || m.optOuts.some(holds)).toBe(false);
        expect(m.coverage.some(holds)).toBe(true);
        expect(d.attributions.length).toBeGreaterThan(0);
        for (const a of d.attributions) expect(holds(a) && a.providers.includes(NPI)).toBe(true);
      }),
      { numRuns: cases(1000) },
    );
  });
  it('an opt-out or a hold more never permits more', () => {
    fc.assert(
      fc.property(facts, interval, fc.boolean(), (m, i, asHold) => {
        const more = asHold
          ? { ...m, holds: [...m.holds, { ...i, deadLetter: 'x', eventType: 't' }] }
          : { ...m, optOuts: [...m.optOuts, { ...i, scope: 'global', recordedAt: i.from, event: 'x' }] };
        if (!decide(request, { member: m, party: party() }).permit)
          expect(decide(request, { member: more, party: party() }).permit).toBe(false);
      }),
      { numRuns: cases(1000) },
    );
  });
});

describe('A2 two Groups that are one list', () => {
  const TIN: ProviderKey = 'tin|123456789';
  const joined = '2026-05-01T00:00:00.000Z';
  const taxed: AttributionFact = { ...attribution, group: 'g2', providers: [NPI, TIN] };
  const purpose = { kind: 'group', group: 'g1', also: { group: 'g2', since: joined } } as const;

  it('both count, and no third one', () => {
    for (const [group, decided] of [
      ['g1', 'permit'],
      ['g2', 'permit'],
      ['g3', 'not-attributed'],
    ] as const)
      expect([group, ask({ attributions: [{ ...taxed, group }] }, {}, { purpose })]).toEqual([group, decided]);
    expect(ask({ attributions: [taxed] }, {}, { purpose: { kind: 'group', group: 'g1' } })).toBe('not-attributed');
  });

  it('show nobody to a client that is not bound to an identifier of the attribution', () => {
    const ofTin = { client: { ...client, bindings: bound(TIN) } };
    expect(ask({ attributions: [attribution] }, ofTin, { purpose })).toBe('not-attributed');
    expect(ask({ attributions: [taxed] }, ofTin, { purpose })).toBe('permit');
  });

  it('have a member of the other Group alone since they are one list, so that a delta brings everything', () => {
    const since = (...attributions: readonly AttributionFact[]): string =>
      new Date(
        visibleSince({ ...request, purpose }, { member: { ...member, attributions }, party: party() }),
      ).toISOString();
    expect(since(attribution)).toBe(PAST);
    expect(since(taxed)).toBe(joined);
    expect(since(taxed, attribution)).toBe(PAST);
    const later = '2026-05-20T00:00:00.000Z';
    expect(since({ ...taxed, recordedAt: later })).toBe(later);
  });
});

describe('visibleSince', () => {
  const since = (m: Partial<MemberFacts>): string =>
    new Date(visibleSince(request, { member: { ...member, ...m }, party: party() })).toISOString();
  it('is the latest of attribution, coverage and opt-in, each when it was recorded', () => {
    expect(since({})).toBe(PAST);
    expect(since({ attributions: [{ ...attribution, recordedAt: '2026-03-01T00:00:00.000Z' }] })).toBe(
      '2026-03-01T00:00:00.000Z',
    );
    expect(
      since({ optOuts: [{ ...optOut, to: '2026-04-01T00:00:00.000Z', endRecordedAt: '2026-04-02T00:00:00.000Z' }] }),
    ).toBe('2026-04-02T00:00:00.000Z');
  });
  it('is not before a provider came into network, where that could be seen, and a repetition does not move it', () => {
    const seen = (network: readonly NetworkFact[]): string =>
      new Date(visibleSince(request, { member, party: party({ network }) })).toISOString();
    const [march, april] = ['2026-03-01T00:00:00.000Z', '2026-04-01T00:00:00.000Z'];
    expect(seen([{ status: 'in-network', from: PAST, recordedAt: april }])).toBe(april);
    expect(
      seen([
        { status: 'in-network', from: PAST },
        { status: 'out-of-network', from: march },
        { status: 'in-network', from: april },
      ]),
    ).toBe(april);
    expect(
      seen([
        { status: 'in-network', from: PAST },
        { status: 'in-network', from: march, recordedAt: april },
      ]),
    ).toBe(PAST);
  });
  it('is not before the end of a hold of the member or of a source, which held resources back', () => {
    const ended = { ...hold, to: '2026-04-03T00:00:00.000Z' };
    expect(since({ holds: [ended] })).toBe('2026-04-03T00:00:00.000Z');
    expect(new Date(visibleSince(request, { member, party: party({ sourceHolds: [ended] }) })).toISOString()).toBe(
      '2026-04-03T00:00:00.000Z',
    );
  });
  it('is never for a denied member', () =>
    expect(visibleSince(request, { member: { ...member, coverage: [] }, party: party() })).toBe(
      Number.POSITIVE_INFINITY,
    ));
});
