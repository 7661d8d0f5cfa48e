import { describe, expect, it } from 'vitest';
import type { ProviderKey } from '@provider-access/events';
import { changesToPermit, nextChange } from './changes.ts';
import type { AccessRequest, MemberFacts } from './decide.ts';
import type { ClientFacts, PartyFacts } from './facts.ts';

const NOW = '2026-06-01T00:00:00.000Z';
const PAST = '2025-01-01T00:00:00.000Z';
const SOON = '2026-07-01T00:00:00.000Z';
const NPI: ProviderKey = 'npi|1000000001';
const OTHER: ProviderKey = 'npi|1000000002';
const request: AccessRequest = { client: 'c1', purpose: { kind: 'explain' }, member: 'm1', now: NOW };
const app: ClientFacts = {
  client: 'c1',
  name: 'c1',
  status: 'approved',
  history: [{ status: 'approved', at: PAST }],
  bindings: [{ provider: NPI, from: PAST, recordedAt: PAST }],
  scope: '',
};
const stated = { from: PAST, recordedAt: PAST, event: 'e' };
const member: MemberFacts = {
  member: 'm1',
  sources: ['urn:s'],
  coverage: [{ ...stated, coverageId: 'c' }],
  attributions: [{ ...stated, group: 'g1', providers: [NPI] }],
  optOuts: [],
  holds: [],
  mergedWith: [],
};
const party = (known: ClientFacts | undefined, network: readonly ProviderKey[] = [NPI]): PartyFacts => ({
  client: () => known,
  network: (provider) => (network.includes(provider) ? [{ status: 'in-network', from: PAST }] : []),
  sourceHolds: () => [],
  identity: (provider) => [provider],
  specialties: () => [],
  deactivated: () => false,
  lines: () => [],
  asOf: () => undefined,
});

describe('P17: what would change the decision', () => {
  const optOuts = [{ ...stated, event: 'out', scope: 'global' }];
  it.each<[string, MemberFacts | undefined, PartyFacts, unknown]>([
    ['nothing of a permit', member, party(app), []],
    ['a registration', member, party(undefined), [{ change: 'registration' }]],
    [
      'everything, for a member whom nobody knows',
      undefined,
      party({ ...app, history: [{ status: 'suspended', at: PAST }] }, []),
      [
        { change: 'approval' },
        { change: 'attribution', of: [NPI] },
        { change: 'coverage' },
        { change: 'network', of: [NPI] },
      ],
    ],
    [
      'an opt-in and a coverage',
      { ...member, optOuts, coverage: [] },
      party(app),
      [{ change: 'opt-in', of: ['out'] }, { change: 'coverage' }],
    ],
    [
      'a dead letter',
      { ...member, holds: [{ from: PAST, deadLetter: 'd1', eventType: 't' }] },
      party(app),
      [{ change: 'dead-letters', of: ['d1'] }],
    ],
    [
      'a binding of an app that has none',
      { ...member, attributions: [{ ...stated, group: 'g2', providers: [OTHER] }] },
      party({ ...app, bindings: [] }),
      [{ change: 'binding', of: [OTHER] }],
    ],
  ])('%s', (_, known, parties, changes) => {
    expect(changesToPermit(request, { member: known, party: parties })).toEqual(changes);
  });

  it('names the next instant at which the known facts decide otherwise', () => {
    const ending = { ...member, coverage: [{ ...stated, coverageId: 'c', to: SOON }] };
    expect(nextChange(request, { member: ending, party: party(app) })).toEqual({
      at: SOON,
      decision: { permit: false, reason: 'not-covered' },
    });
    const bound = [{ provider: NPI, from: PAST, recordedAt: PAST, ends: [{ to: SOON, recordedAt: PAST }] }];
    expect(nextChange(request, { member, party: party({ ...app, bindings: bound }) })).toMatchObject({ at: SOON });
    expect(nextChange(request, { member, party: party(app) })).toBeUndefined();
  });
});
