import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { cases } from '@provider-access/testing/variant';
import { decide, type MemberFacts, visibleSince } from './decide.ts';
import type { ClientFacts, LinesFact, PartyFacts, PlanFact, PlanStart } from './facts.ts';
import { isCoverageShared, linesAt, planSharedSince } from './lines.ts';

const minute = (n: number): string => new Date(Date.UTC(2026, 0, 1, 0, n)).toISOString();
const msOf = (n: number): number => Date.UTC(2026, 0, 1, 0, n);
/** Plans with the minute of their start, or null for a line without a start. */
type Stated = Readonly<Record<string, number | null>>;
const table = (setAt: number, stated: Stated): LinesFact => ({
  setAt: minute(setAt),
  plans: new Map(
    Object.entries(stated).map(([plan, from]): [string, PlanStart] => [
      plan,
      { line: 'l', ...(from !== null && { from: minute(from) }) },
    ]),
  ),
});
const NPI = 'npi|1000000001' as const;
const client: ClientFacts = {
  client: 'c1',
  name: 'c1',
  status: 'approved',
  history: [{ status: 'approved', at: minute(-100) }],
  bindings: [{ provider: NPI, from: minute(-100), recordedAt: minute(-100) }],
  scope: '',
};
const party = (...tables: readonly LinesFact[]): PartyFacts => ({
  client: () => client,
  network: () => [{ status: 'in-network', from: minute(-100) }],
  sourceHolds: () => [],
  identity: (p) => [p],
  specialties: () => [],
  deactivated: () => false,
  lines: () => tables,
  asOf: () => undefined,
});
const plan = (coverageId: string, name: string, from = -100, recorded = -100): PlanFact => ({
  coverageId,
  plan: name,
  from: minute(from),
  recordedAt: minute(recorded),
  event: 'p',
});
const covered = (coverageId: string) => ({ coverageId, from: minute(-100), recordedAt: minute(-100), event: 'c' });
const attribution = { group: 'g', providers: [NPI], from: minute(-100), recordedAt: minute(-100), event: 'a' };
const member: MemberFacts = {
  member: 'm1',
  sources: [],
  coverage: [covered('c1')],
  plans: [plan('c1', 'A')],
  attributions: [attribution],
  optOuts: [],
  holds: [],
  mergedWith: [],
};
const ask = (tables: readonly LinesFact[], m: Partial<MemberFacts> = {}, now = 10, past?: true): string => {
  const request = { client: 'c1', purpose: { kind: 'read' as const }, member: 'm1', now: minute(now) };
  const decision = decide(
    { ...request, ...(past && { past }) },
    { member: { ...member, ...m }, party: party(...tables) },
  );
  return decision.permit ? 'permit' : decision.reason;
};

describe('R24: decide, with lines of business', () => {
  it.each<[string, string, Parameters<typeof ask>]>([
    ['N63 no table', 'permit', [[], { plans: [] }]],
    ['N60 a line that has started', 'permit', [[table(0, { A: 10 })]]],
    ['N60 a line that starts a minute later', 'line-not-started', [[table(0, { A: 11 })]]],
    ['N60 a line without a start', 'line-not-started', [[table(0, { A: null })]]],
    ['N63 a plan that the table does not name', 'line-not-started', [[table(0, { B: 0 })]]],
    ['N63 a coverage without a plan', 'line-not-started', [[table(0, { A: 0 })], { plans: [] }]],
    ['N63 only another coverage has a plan', 'line-not-started', [[table(0, { A: 0 })], { plans: [plan('c2', 'A')] }]],
    [
      'N62 another coverage of a started line, which has ended',
      'line-not-started',
      [
        [table(0, { A: 20, B: 0 })],
        {
          coverage: [covered('c1'), { ...covered('c2'), to: minute(5) }],
          plans: [plan('c1', 'A'), plan('c2', 'B')],
        },
      ],
    ],
    [
      'N62 another coverage of a started line',
      'permit',
      [
        [table(0, { A: 20, B: 0 })],
        { coverage: [covered('c1'), covered('c2')], plans: [plan('c1', 'A'), plan('c2', 'B')] },
      ],
    ],
    [
      'N62 an attribution by the coverage of another line',
      'line-not-started',
      [
        [table(0, { A: 20, B: 0 })],
        {
          coverage: [covered('c1'), covered('c2')],
          plans: [plan('c1', 'A'), plan('c2', 'B')],
          attributions: [{ ...attribution, coverageId: 'c1' }],
        },
      ],
    ],
    [
      'N62 a coverage that was of a line before which has not started',
      'line-not-started',
      [[table(0, { A: 20, B: 0 })], { plans: [plan('c1', 'A'), plan('c1', 'B', 5)] }],
    ],
    [
      'N62 a coverage that will be of such a line',
      'permit',
      [[table(0, { A: 0, B: 50 })], { plans: [plan('c1', 'A'), plan('c1', 'B', 11)] }],
    ],
    ['a later table takes a line back', 'line-not-started', [[table(0, { A: 0 }), table(5, { A: 20 })]]],
    ['a later table counts from when it is set', 'permit', [[table(0, { A: 0 }), table(11, { A: 20 })]]],
    ['what explain says of the time before a table', 'permit', [[table(8, { A: 20 })], {}, 7, true]],
    ['too many statements about plans', 'line-not-started', [[table(0, { A: 0 })], { plans: [plan('c1', '')] }]],
  ])('%s: %s', (_what, verdict, args) => expect(ask(...args)).toBe(verdict));
});

it('N62: asks for the coverage on which an attribution depends now, and not for the one that it will have', () => {
  // From minute 20 on it depends on another coverage. Each line starts late once.
  const attributions = [{ ...attribution, coverageId: 'c2', formerly: [{ until: minute(20), coverageId: 'c1' }] }];
  const two = { coverage: [covered('c1'), covered('c2')], plans: [plan('c1', 'A'), plan('c2', 'B')], attributions };
  const answers = (stated: Stated): string[] => [10, 19, 20, 29, 30].map((now) => ask([table(-90, stated)], two, now));
  expect(answers({ A: 30, B: -50 })).toEqual([
    ...['line-not-started', 'line-not-started'],
    ...['permit', 'permit', 'permit'],
  ]);
  expect(answers({ A: -50, B: 30 })).toEqual([
    ...['permit', 'permit'],
    ...['line-not-started', 'line-not-started', 'permit'],
  ]);
});

const stated = fc.record({
  A: fc.option(fc.integer({ min: -5, max: 60 }), { nil: null }),
  B: fc.option(fc.integer({ min: -5, max: 60 }), { nil: null }),
});
const tables = fc
  .array(fc.tuple(fc.integer({ min: 1, max: 40 }), stated, fc.subarray(['A', 'B'])), { maxLength: 5 })
  .map((list) =>
    list
      .toSorted(([a], [b]) => a - b)
      .filter(([at], i, all) => i === 0 || at !== all[i - 1]![0])
      .map(([at, plans, named]) => table(at, Object.fromEntries(named.map((name) => [name, plans[name as 'A']])))),
  );

describe('since when a plan is shared', () => {
  /** By the rule, a minute at a time: before the first table all is shared, then what the table has started. */
  const isShared = (all: readonly LinesFact[], name: string, at: number): boolean => {
    const inForce = all.filter(({ setAt }) => setAt <= minute(at)).at(-1);
    if (inForce === undefined) return true;
    const from = inForce.plans.get(name)?.from;
    return from !== undefined && from <= minute(at);
  };
  it('is the first minute of the unbroken time until now', () => {
    fc.assert(
      fc.property(tables, fc.constantFrom('A', 'B'), fc.integer({ min: 0, max: 60 }), (all, name, now) => {
        let first: number | undefined;
        for (let at = now; at >= -10 && isShared(all, name, at); at--) first = at;
        const expected =
          first === undefined ? Number.POSITIVE_INFINITY : first === -10 ? Number.NEGATIVE_INFINITY : msOf(first);
        expect(planSharedSince(party(...all), name, msOf(now))).toBe(expected);
        const inForce = linesAt(party(...all), msOf(now));
        const facts = { coverage: [], plans: [plan('c1', name)] };
        expect(isCoverageShared(inForce, facts, 'c1', msOf(now))).toBe(isShared(all, name, now));
      }),
      { numRuns: cases(2000) },
    );
  });
});

describe('visibleSince, with lines of business', () => {
  const since = (all: readonly LinesFact[], m: Partial<MemberFacts> = {}): number => {
    const request = { client: 'c1', purpose: { kind: 'export' as const }, member: 'm1', now: minute(30) };
    return visibleSince(request, { member: { ...member, ...m }, party: party(...all) });
  };
  it('is the start of the line, so that the next delta has the whole member', () =>
    expect(since([table(0, { A: 20 })])).toBe(msOf(20)));
  it('is not moved by a table that changes nothing', () =>
    expect(since([table(5, { A: 0 }), table(20, { A: 0 })])).toBe(msOf(-100)));
  it('is the start of another line whose coverage the member has, because its resources come then', () =>
    expect(
      since([table(0, { A: -50, B: 25 })], {
        coverage: [covered('c1'), covered('c2')],
        plans: [plan('c1', 'A'), plan('c2', 'B')],
      }),
    ).toBe(msOf(25)));
  it('is the time at which the plan became known', () =>
    expect(since([table(0, { A: -50 })], { plans: [plan('c1', 'A', -100, 12)] })).toBe(msOf(12)));
  it('is not a line that has not started', () =>
    expect(
      since([table(0, { A: -50, B: 40 })], {
        coverage: [covered('c1'), covered('c2')],
        plans: [plan('c1', 'A'), plan('c2', 'B')],
      }),
    ).toBe(msOf(-100)));
});
