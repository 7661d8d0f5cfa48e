import type { AlsoGroup, ClientFacts, HoldFact, NetworkFact } from '@provider-access/domain/access';
import type { ViewDocument } from '@provider-access/engines/views';
import { describe, expect, it } from 'vitest';
import { type CountedParties, decideKnown } from './known-facts.ts';

const NPI = 'npi|1234567893';
const at = (day: number, month = 6): string => new Date(Date.UTC(2026, month - 1, day)).toISOString();
const JUNE_10 = Date.parse(at(10));

/** The document of a member who is covered and attributed from June 1 on, until June 20. */
function documentOf(consent?: object): ViewDocument {
  const step = { event: 'e', businessTime: at(1), sequence: 0, appliesFrom: at(1), recordedAt: at(1) };
  return {
    _id: 'm1',
    members: { sources: ['s'], coverage: { c1: [{ ...step, from: at(1) }] } },
    attribution: {
      sources: ['s'],
      groups: { g1: { providers: [NPI], steps: [{ ...step, from: at(1), until: at(20) }] } },
    },
    ...(consent && { consent }),
  } as unknown as ViewDocument;
}
const approved: ClientFacts = {
  ...{ client: 'app', name: 'app', status: 'approved', scope: '' },
  history: [{ status: 'approved', at: at(1) }],
  bindings: [{ provider: NPI, from: at(1), recordedAt: at(1) }],
};

function world() {
  const known = { client: approved as ClientFacts | undefined, changes: 0, holds: [] as HoldFact[], asOf: undefined };
  const network: NetworkFact[] = [{ status: 'in-network', from: at(1) }];
  const asked = { network: 0 };
  const party: CountedParties = {
    client: () => known.client,
    network: () => {
      asked.network += 1;
      return network;
    },
    sourceHolds: (source) => (source === 's' ? known.holds : []),
    identity: (provider) => [provider],
    specialties: () => [],
    deactivated: () => false,
    lines: () => [],
    asOf: () => known.asOf,
    changes: () => known.changes,
  };
  const ask = (document: ViewDocument, now = JUNE_10, group?: string, also?: AlsoGroup): string => {
    const purpose = { kind: 'read' as const, ...(group !== undefined && { group }), ...(also && { also }) };
    const request = { client: 'app', purpose, member: 'm1', now: new Date(now).toISOString() };
    const decision = decideKnown(request, now, document, party);
    return decision.permit ? 'permit' : decision.reason;
  };
  return { known, network, asked, ask };
}

describe('a decision that stands (ADR 0161)', () => {
  /** Asked three times, so that it stands. */
  function standing() {
    const made = world();
    const document = documentOf();
    expect([1, 2, 3].map(() => made.ask(document))).toEqual(['permit', 'permit', 'permit']);
    return { ...made, document };
  }

  it('is made twice, and then no more', () => {
    const { asked, ask, document } = standing();
    expect(asked.network).toBe(2);
    for (let i = 0; i < 100; i++) ask(document, JUNE_10 + i);
    expect(asked.network).toBe(2);
  });
  it('ends with an instant in the facts, to the millisecond, and in both directions of the clock', () => {
    const { ask, document } = standing();
    const end = Date.parse(at(20));
    expect([end - 1, end, end - 1, end].map((now) => ask(document, now))).toEqual([
      'permit',
      'not-attributed',
      'permit',
      'not-attributed',
    ]);
    // No decision is before the newest statement about the member (ADR 0016).
    expect(ask(document, Date.parse(at(1)) - 1)).toBe('permit');
  });
  it('ends when the app is suspended, revoked, or unknown', () => {
    const { known, ask, document } = standing();
    known.client = { ...approved, history: [...approved.history, { status: 'revoked', at: at(9) }] };
    expect(ask(document)).toBe('client-not-approved');
    known.client = undefined;
    expect(ask(document)).toBe('client-unknown');
    known.client = approved;
    expect(ask(document)).toBe('permit');
  });
  it('ends with each change of the facts of parties', () => {
    const { known, network, ask, document } = standing();
    known.holds.push({ deadLetter: 'd', eventType: 't', from: at(9) });
    known.changes += 1;
    expect([ask(document), ask(document), ask(document)]).toEqual(Array(3).fill('source-on-hold'));
    known.holds.pop();
    network.push({ status: 'out-of-network', from: at(9) });
    known.changes += 1;
    expect([ask(document), ask(document), ask(document)]).toEqual(Array(3).fill('not-in-network'));
  });
  it('is of one document: an opt-out of the member is another one', () => {
    const { ask, document } = standing();
    const out = { event: 'o', businessTime: at(9), from: at(9), recordedAt: at(9), source: 's', scope: 'global' };
    expect(ask(documentOf({ outs: [out], sources: ['s'] }))).toBe('opted-out');
    expect(ask(document)).toBe('permit');
  });
  it('is of one list alone, and stands beside that of no list', () => {
    const { asked, ask, document } = standing();
    expect([1, 2, 3].map(() => ask(document, JUNE_10, 'g1'))).toEqual(Array(3).fill('permit'));
    const before = asked.network;
    for (let i = 0; i < 100; i++) expect([ask(document), ask(document, JUNE_10, 'g1')]).toEqual(['permit', 'permit']);
    expect(asked.network).toBe(before);
    expect([1, 2, 3].map(() => ask(document, JUNE_10, 'g2'))).toEqual(Array(3).fill('not-attributed'));
    const joined = { group: 'g1', since: at(2) };
    expect([1, 2, 3].map(() => ask(document, JUNE_10, 'g2', joined))).toEqual(Array(3).fill('permit'));
    expect(ask(document, JUNE_10, 'g2', { ...joined, group: 'g3' })).toBe('not-attributed');
    expect(ask(document, JUNE_10, 'g2')).toBe('not-attributed');
    expect(ask(document, JUNE_10, 'g1')).toBe('permit');
    expect(ask(document)).toBe('permit');
  });
});
