import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import type { ProviderKey } from '@provider-access/events';
import { cases } from '@provider-access/testing/variant';
import { decide, type MemberFacts, visibleSince } from './decide.ts';
import type { BindingFact, ClientFacts, OptOutFact, PartyFacts } from './facts.ts';

/** Days since the beginning. Everything in these tests happens at midnight. */
type Day = number;
const START = Date.UTC(2026, 0, 1);
const DAY = 24 * 60 * 60 * 1000;
const at = (day: Day): string => new Date(START + day * DAY).toISOString();
const NPI = 'npi|1234567893';
const TIN = 'tin|123456789';
const SECOND = 'npi|1245319599';

interface Bound {
  readonly provider?: ProviderKey;
  readonly from: Day;
  readonly recorded?: Day;
  /** Each end, and the day of its record. */
  readonly ends?: readonly (readonly [to: Day, recorded: Day])[];
}
const bindings = (all: readonly Bound[]): readonly BindingFact[] =>
  all.map(({ provider = NPI, from, recorded = from, ends = [] }) => ({
    provider,
    from: at(from),
    recordedAt: at(recorded),
    ...(ends.length > 0 && { ends: ends.map(([to, known]) => ({ to: at(to), recordedAt: at(known) })) }),
  }));
const client = (all: readonly Bound[]): ClientFacts => ({
  client: 'c1',
  name: 'c1',
  status: 'approved',
  history: [{ status: 'approved', at: at(0) }],
  scope: '',
  bindings: bindings(all),
});
const member: MemberFacts = {
  member: 'm1',
  sources: ['urn:s'],
  coverage: [{ coverageId: 'c', from: at(0), recordedAt: at(0), event: 'c' }],
  attributions: [{ group: 'g1', providers: [NPI, TIN], from: at(0), recordedAt: at(0), event: 'a' }],
  optOuts: [],
  holds: [],
  mergedWith: [],
};
const partyOf = (known: ClientFacts): PartyFacts => ({
  client: () => known,
  network: () => [{ status: 'in-network', from: at(0) }],
  sourceHolds: () => [],
  identity: (provider) => [provider],
  specialties: () => [],
  deactivated: () => false,
  lines: () => [],
  asOf: () => undefined,
});
/** The day since which the app sees the member without a break, on the day `now`; undefined if it does not. */
function since(all: readonly Bound[], now: Day, more: Partial<MemberFacts> = {}): Day | undefined {
  const known = all.filter(({ from, recorded = from }) => recorded <= now);
  const request = { client: 'c1', purpose: { kind: 'export' as const, group: 'g1' }, member: 'm1', now: at(now) };
  const facts = { member: { ...member, ...more }, party: partyOf(client(known)) };
  if (!decide(request, facts).permit) return undefined;
  return (visibleSince(request, facts) - START) / DAY;
}

/** An end on day 9 is known on day 2, and on day 3 that it comes on day 4. */
const corrected = [
  [9, 2],
  [4, 3],
] as const;

describe('P2 visibleSince, by bindings', () => {
  it.each<[string, readonly Bound[], Day]>([
    ['a binding that has no end', [{ from: 5 }], 5],
    ['one that was recorded after its beginning', [{ from: 5, recorded: 8 }], 8],
    ['the second of two with a gap', [{ from: 1, ends: [[4, 4]] }, { from: 6 }], 6],
    ['the first of two without a gap', [{ from: 1, ends: [[4, 4]] }, { from: 4 }], 1],
    ['the first of two that overlap', [{ from: 1, ends: [[9, 4]] }, { from: 4 }], 1],
    [
      'the first of two with different identifiers of one attribution',
      [
        { from: 1, ends: [[4, 4]] },
        { provider: TIN, from: 3 },
      ],
      1,
    ],
    ['an NPI whose attribution it is, and not an earlier one', [{ provider: SECOND, from: 1 }, { from: 7 }], 7],
    ['one that was in force until the late record of its end', [{ from: 1, ends: [[2, 6]] }, { from: 6 }], 1],
    ['one after an end that came earlier than was said first', [{ from: 1, ends: corrected }, { from: 5 }], 5],
  ])('has %s', (_, all, expected) => expect(since(all, 10)).toBe(expected));

  const narrowed: OptOutFact = {
    scope: 'provider-specific',
    targets: [SECOND],
    from: at(2),
    recordedAt: at(2),
    event: 'o',
  };
  const shared: readonly Bound[] = [{ from: 0 }, { provider: SECOND, from: 0, ends: [[6, 6]] }];
  it('has the end of a binding to a provider from whom the member has opted out, because it had barred', () => {
    expect(since(shared, 5, { optOuts: [narrowed] })).toBeUndefined();
    expect(since(shared, 8, { optOuts: [narrowed] })).toBe(6);
  });
  it('does not have such an end from before the opt-out', () =>
    expect(since(shared, 8, { optOuts: [{ ...narrowed, from: at(7), recordedAt: at(7) }] })).toBe(0));

  // The oracle asks each day by what was known on that day, and walks back. It knows no intervals.
  const provider = fc.constantFrom<ProviderKey>(NPI, NPI, TIN, SECOND);
  const day = fc.integer({ min: 0, max: 30 });
  const bound = fc
    .record({ provider, from: day, late: fc.integer({ min: 0, max: 3 }), ends: fc.array(fc.tuple(day, day)) })
    .map(({ provider: of, from, late, ends }): Bound => {
      const recorded = from + late;
      const later = ends
        .map(([to, known]) => [Math.max(to, from), Math.max(known, recorded)] as const)
        .toSorted(([, a], [, b]) => a - b);
      return { provider: of, from, recorded, ends: later };
    });
  const known = (all: readonly Bound[], on: Day): readonly Bound[] =>
    all
      .filter(({ from, recorded = from }) => recorded <= on)
      .map((each) => ({ ...each, ends: (each.ends ?? []).filter(([, recorded]) => recorded <= on) }));
  const isBoundOn = (all: readonly Bound[], on: Day): boolean =>
    known(all, on).some(
      ({ provider: of = NPI, from, ends = [] }) =>
        (of === NPI || of === TIN) && from <= on && (ends.length === 0 || on < ends.at(-1)![0]),
    );
  it('is the first of the days without a break on which the app was bound, by what was known on each', () => {
    let seen = 0;
    fc.assert(
      fc.property(fc.array(bound, { minLength: 1, maxLength: 6 }), fc.integer({ min: 0, max: 34 }), (all, now) => {
        const found = since(known(all, now), now);
        expect(found !== undefined).toBe(isBoundOn(all, now));
        if (found === undefined) return;
        let first = now;
        while (first > 0 && isBoundOn(all, first - 1)) first -= 1;
        expect(found).toBe(first);
        seen += 1;
      }),
      { numRuns: cases(2000) },
    );
    expect(seen).toBeGreaterThan(100);
  });
});
