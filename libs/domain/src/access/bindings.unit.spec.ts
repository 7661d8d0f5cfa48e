import { describe, expect, it } from 'vitest';
import { bindingsAt, providersAt } from './bindings.ts';
import { type AccessRequest, decide } from './decide.ts';
import type { BindingFact, ClientFacts, PartyFacts } from './facts.ts';

const NPI = 'npi|1234567893';
const SECOND = 'npi|1245319599';
const at = (month: number, day = 1): string => new Date(Date.UTC(2026, month - 1, day)).toISOString();
const ms = (instant: string): number => Date.parse(instant);

const binding = (from: string, ...ends: readonly (readonly [to: string, recordedAt: string])[]): BindingFact => ({
  provider: NPI,
  from,
  recordedAt: from,
  ...(ends.length > 0 && { ends: ends.map(([to, recordedAt]) => ({ to, recordedAt })) }),
});
const client = (...bindings: readonly BindingFact[]): ClientFacts => ({
  client: 'c1',
  name: 'c1',
  status: 'approved',
  history: [{ status: 'approved', at: at(1) }],
  scope: '',
  bindings,
});
const party = (known: ClientFacts, asOf?: string): PartyFacts => ({
  client: () => known,
  network: () => [{ status: 'in-network', from: at(1) }],
  sourceHolds: () => [],
  identity: (provider) => [provider],
  specialties: () => [],
  deactivated: () => false,
  lines: () => [],
  asOf: () => asOf,
});
const member = {
  member: 'm1',
  sources: ['urn:s'],
  coverage: [{ coverageId: 'c', from: at(1), recordedAt: at(1), event: 'c' }],
  attributions: [{ group: 'g1', providers: [NPI] as const, from: at(1), recordedAt: at(1), event: 'a' }],
  optOuts: [],
  holds: [],
  mergedWith: [],
};
function decided(known: ClientFacts, now: string, more: Partial<AccessRequest> = {}, asOf?: string): string {
  const request: AccessRequest = { client: 'c1', purpose: { kind: 'read' }, member: 'm1', now, ...more };
  const decision = decide(request, { member, party: party(known, asOf) });
  return decision.permit ? 'permit' : decision.reason;
}

describe('P2 a decision by the bindings of now', () => {
  const ended = client(binding(at(2), [at(6), at(6)]));

  it.each([
    ['before the binding begins', at(1, 31), 'not-attributed'],
    ['at its first instant', at(2), 'permit'],
    ['a moment before its end', new Date(ms(at(6)) - 1).toISOString(), 'permit'],
    ['at its end', at(6), 'not-attributed'],
  ])('%s', (_, now, expected) => {
    expect(decided(ended, now)).toBe(expected);
    expect(decided(ended, now, { past: true })).toBe(expected);
  });

  it('permits again by a second interval, and not between both', () => {
    const twice = client(binding(at(2), [at(3), at(3)]), binding(at(5)));
    expect([at(2), at(4), at(5)].map((now) => decided(twice, now))).toEqual(['permit', 'not-attributed', 'permit']);
  });

  it('ends one binding and leaves the other ones', () => {
    const both = client(binding(at(2), [at(3), at(3)]), { provider: SECOND, from: at(2), recordedAt: at(2) });
    expect(providersAt(both, ms(at(2)))).toEqual([NPI, SECOND]);
    expect(providersAt(both, ms(at(3)))).toEqual([SECOND]);
  });

  it('finds the same in whatever order instants are asked for', () => {
    const known = client(binding(at(2), [at(3), at(3)]), binding(at(5), [at(7), at(6)]));
    const fresh = (now: number): readonly string[] => providersAt({ bindings: known.bindings }, now);
    const instants = Array.from({ length: 300 }, (_, i) => ms(at(1)) + ((i * 7919) % 300) * 86_400_000);
    for (const now of instants) expect(providersAt(known, now)).toEqual(fresh(now));
  });
});

describe('P3 an end that has passed', () => {
  it('stays passed when the clock of a process steps back behind the record of it', () => {
    const ended = client(binding(at(2), [at(6), at(6)]));
    expect(decided(ended, at(5), {}, at(6))).toBe('not-attributed');
  });

  it('stays passed for a process that has seen a stated end pass, and not in answers about the past', () => {
    const seen: ClientFacts = { ...client(binding(at(2), [at(6), at(3)])), endsPassed: ms(at(6)) };
    expect(decided(seen, at(5), {}, at(3))).toBe('not-attributed');
    expect(decided(seen, at(5), { past: true })).toBe('permit');
  });
});

describe('P1 bindings as they were known', () => {
  const corrected = client(binding(at(2), [at(9), at(3)], [at(4), at(5)]));
  const known = (instant: string, until?: string): number =>
    bindingsAt(corrected, ms(instant), until === undefined ? undefined : ms(until)).length;

  it('knows nothing before the record of the binding', () => expect(known(at(2), at(1))).toBe(0));
  it('has the end that was stated first until the next one is recorded', () => {
    expect([known(at(6), at(2)), known(at(6), at(3)), known(at(10), at(3)), known(at(6), at(5))]).toEqual([1, 1, 0, 0]);
  });
  it('has the last end where no time of knowledge is given', () => {
    expect([known(at(3)), known(at(4))]).toEqual([1, 0]);
  });
});
