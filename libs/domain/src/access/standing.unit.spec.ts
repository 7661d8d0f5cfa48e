import type { ProviderKey } from '@provider-access/events';
import fc from 'fast-check';
import { expect, it } from 'vitest';
import { decide, type MemberFacts } from './decide.ts';
import type { ClientFacts, LinesFact, PartyFacts } from './facts.ts';
import { standing } from './standing.ts';

const NPI: ProviderKey = 'npi|1234567893';
const TIN: ProviderKey = 'tin|123456789';
const START = Date.parse('2026-06-01T00:00:00.000Z');
const at = (ms: number): string => new Date(START + ms).toISOString();
/** Few instants, so that many intervals begin and end together. */
const when = fc.integer({ min: 0, max: 12 }).map((n) => at(n * 10));
const some = <T>(one: fc.Arbitrary<T>, least = 0): fc.Arbitrary<T[]> =>
  fc.array(one, { minLength: least, maxLength: 3 });
const interval = fc
  .tuple(when, fc.option(when, { nil: undefined }))
  .map(([from, to]) => ({ from, ...(to !== undefined && { to }) }));
const stated = interval.map((one) => ({ ...one, recordedAt: one.from, event: 'e' }));
const providers = fc.constantFrom([NPI], [TIN], [NPI, TIN]);
const coverageId = fc.constantFrom('c1', 'c2');

const members = fc.record({
  coverage: some(
    fc.tuple(stated, coverageId).map(([one, id]) => ({ ...one, coverageId: id })),
    1,
  ),
  plans: some(fc.tuple(stated, coverageId).map(([one, id]) => ({ ...one, coverageId: id, plan: 'p' }))),
  attributions: some(
    fc
      .tuple(stated, providers, some(when), fc.option(coverageId, { nil: undefined }))
      .map(([one, of, formerly, id]) => ({
        ...one,
        group: 'g',
        providers: of,
        formerly: formerly.toSorted().map((until) => ({ until, coverageId: 'c2' })),
        ...(id !== undefined && { coverageId: id }),
      })),
    1,
  ),
  attestations: some(
    stated.map((one) => ({
      ...one,
      ...{ group: 'match', client: 'app', provider: NPI, attestedAt: one.from, policy: 'p', job: 'j' },
    })),
  ),
  optOuts: some(
    fc
      .tuple(stated, fc.constantFrom('global', 'provider-specific'))
      .map(([one, scope]) => ({ ...one, scope, ...(scope !== 'global' && { targets: [TIN] }) })),
  ),
  holds: some(interval.map((one) => ({ ...one, deadLetter: 'd', eventType: 't' }))),
  notices: some(stated.map((one) => ({ ...one, kind: 'first' }))),
  asOf: fc.option(when, { nil: undefined }),
});
const statuses = fc.constantFrom('in-network' as const, 'out-of-network' as const);
const parties = fc.record({
  history: some(
    fc
      .tuple(when, fc.constantFrom('approved' as const, 'suspended' as const))
      .map(([from, status]) => ({ at: from, status })),
    1,
  ),
  bindings: some(
    fc.tuple(when, some(when), fc.constantFrom(NPI, TIN)).map(([from, ends, provider]) => ({
      ...{ provider, from, recordedAt: from },
      ...(ends.length > 0 && { ends: ends.map((to) => ({ to, recordedAt: from })) }),
    })),
    1,
  ),
  network: some(
    fc.tuple(when, statuses).map(([from, status]) => ({ from, status })),
    1,
  ),
  held: some(interval.map((one) => ({ ...one, deadLetter: 's', eventType: 't' }))),
  tables: some(
    fc.tuple(when, when).map(([setAt, from]): LinesFact => ({ setAt, plans: new Map([['p', { line: 'l', from }]]) })),
  ),
  waits: fc.boolean(),
  // Most worlds have little that denies, so that many decisions permit.
  plain: fc.integer({ min: 0, max: 3 }),
});
const APPROVED = { at: at(-50), status: 'approved' as const };
const INSIDE = { from: at(-50), status: 'in-network' as const };
const BOUND = [NPI, TIN].map((provider) => ({ provider, from: at(-50), recordedAt: at(-50) }));
const byTime = <T>(all: readonly T[], of: (one: T) => string): T[] => all.toSorted((a, b) => (of(a) < of(b) ? -1 : 1));

it('stays the same until the next instant in the facts, and for no longer than it says', () => {
  let permitted = 0;
  let ended = 0;
  fc.assert(
    fc.property(members, parties, fc.boolean(), ({ asOf, ...known }, world, isAhead) => {
      const plain = world.plain > 0;
      const member: MemberFacts = {
        ...{ member: 'm', sources: ['s'], mergedWith: [], ...known },
        ...(plain && { optOuts: [], holds: [] }),
        ...(isAhead && asOf !== undefined && { asOf }),
      };
      const client = {
        ...{ client: 'app', name: 'app', status: 'approved' as const, scope: '' },
        history: [...(plain ? [APPROVED] : []), ...byTime(world.history, (one) => one.at)].slice(0, plain ? 1 : 3),
        bindings: [...(plain ? BOUND : []), ...byTime(world.bindings, (one) => one.from)],
      };
      const network = [...(plain ? [INSIDE] : []), ...byTime(world.network, (one) => one.from)].slice(0, plain ? 1 : 3);
      const tables = plain ? [] : byTime(world.tables, (one) => one.setAt);
      const party: PartyFacts = {
        client: () => client,
        network: () => network,
        sourceHolds: () => (plain ? [] : world.held),
        identity: (provider) => [provider],
        specialties: () => [],
        deactivated: () => false,
        lines: () => tables,
        holdsUntilNotice: world.waits && !plain,
        asOf: () => undefined,
      };
      const asked = (ms: number) => ({ client: 'app', purpose: { kind: 'read' as const }, member: 'm', now: at(ms) });
      const instants = Array.from({ length: 14 }, (_, n) => [n * 10 - 11, n * 10 - 10]).flat();
      for (const now of instants) {
        const { decision, from, until } = standing(asked(now), { member, party });
        expect(decision).toEqual(decide(asked(now), { member, party }));
        if (decision.permit) permitted += 1;
        if (until !== Number.POSITIVE_INFINITY) ended += 1;
        for (const other of instants) {
          const ms = Math.max(
            START + other,
            asOf !== undefined && isAhead ? Date.parse(asOf) : Number.NEGATIVE_INFINITY,
          );
          if (ms >= from && ms < until) expect(decide(asked(other), { member, party })).toEqual(decision);
        }
      }
    }),
    { numRuns: 80, seed: 1 },
  );
  expect([permitted > 200, ended > 500]).toEqual([true, true]);
});

/** At this instant, which no other fact has, one fact makes the decision another one. */
const TURN = at(5);
type Turn = { readonly member?: Partial<MemberFacts>; readonly party?: Partial<PartyFacts> };
const turning = { from: TURN, recordedAt: TURN, event: 'e' };
const CLIENT: ClientFacts = {
  ...{ client: 'app', name: 'app', status: 'approved', scope: '' },
  history: [APPROVED],
  bindings: [{ provider: NPI, from: at(-50), recordedAt: at(-50) }],
};
const client = (changes: Partial<ClientFacts>): Turn => ({ party: { client: () => ({ ...CLIENT, ...changes }) } });
const turns: Readonly<Record<string, Turn>> = {
  'an opt-out of the member begins': { member: { optOuts: [{ ...turning, scope: 'global' }] } },
  'a hold of the member begins': { member: { holds: [{ from: TURN, deadLetter: 'd', eventType: 't' }] } },
  'the app is suspended': client({ history: [APPROVED, { at: TURN, status: 'suspended' }] }),
  'a binding of the app ends': client({
    bindings: [{ ...CLIENT.bindings[0]!, ends: [{ to: TURN, recordedAt: at(-50) }] }],
  }),
  'the provider leaves the network': {
    party: { network: () => [INSIDE, { from: TURN, status: 'out-of-network' }] },
  },
  'a hold of the source begins': {
    party: { sourceHolds: () => [{ from: TURN, deadLetter: 's', eventType: 't' }] },
  },
  'a table of lines is set': {
    member: { plans: [{ from: at(-50), recordedAt: at(-50), event: 'e', coverageId: 'c1', plan: 'p' }] },
    party: { lines: () => [{ setAt: TURN, plans: new Map([['p', { line: 'l' }]]) }] },
  },
};

it.each(Object.entries(turns))('ends when %s', (_, turn) => {
  const since = { from: at(-50), recordedAt: at(-50), event: 'e' };
  const facts = {
    member: {
      ...{ member: 'm', sources: ['s'], mergedWith: [], plans: [], optOuts: [], holds: [] },
      coverage: [{ ...since, coverageId: 'c1' }],
      attributions: [{ ...since, group: 'g', providers: [NPI], formerly: [], coverageId: 'c1' }],
      ...turn.member,
    } as MemberFacts,
    party: {
      client: () => CLIENT,
      network: () => [INSIDE],
      sourceHolds: () => [],
      identity: (provider: ProviderKey) => [provider],
      specialties: () => [],
      deactivated: () => false,
      lines: () => [],
      asOf: () => undefined,
      ...turn.party,
    } as PartyFacts,
  };
  const ask = (ms: number) => standing({ client: 'app', purpose: { kind: 'read' }, member: 'm', now: at(ms) }, facts);
  const before = ask(0);
  expect([before.decision.permit, before.until]).toEqual([true, Date.parse(TURN)]);
  expect(ask(5).decision.permit).toBe(false);
});
