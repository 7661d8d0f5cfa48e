import { describe, expect, it } from 'vitest';
import type { ProviderKey } from '@provider-access/events';
import type { BindingFact, ClientFacts, NetworkFact, PartyFacts } from './facts.ts';
import { groupDenial } from './group.ts';

const NOW = Date.parse('2026-06-01T00:00:00.000Z');
const MINE = 'npi|1234567893';
const OTHER = 'npi|1093817465';
const SINCE = '2026-01-01T00:00:00.000Z';
const bound = (provider: ProviderKey): BindingFact => ({ provider, from: SINCE, recordedAt: SINCE });

function party(client: Partial<ClientFacts> | undefined, network: Readonly<Record<string, readonly NetworkFact[]>>) {
  const approved = { status: 'approved' as const, at: SINCE };
  const known = {
    client: 'c',
    name: 'c',
    status: 'approved' as const,
    history: [approved],
    bindings: [bound(MINE)],
  };
  return {
    client: () => client && { ...known, scope: '', ...client },
    network: (provider) => network[provider] ?? [],
    sourceHolds: () => [],
    identity: (provider) => [provider],
    specialties: () => [],
    deactivated: () => false,
    lines: () => [],
    asOf: () => undefined,
  } satisfies PartyFacts;
}
const since = (status: NetworkFact['status'], from: string): NetworkFact => ({ status, from });
const IN = { [MINE]: [since('in-network', '2020-01-01T00:00:00.000Z')] };

describe('groupDenial', () => {
  it('finds the Group of a provider in network for an approved client of that provider', () => {
    expect(groupDenial('c', [MINE], party({}, IN), NOW)).toBeUndefined();
  });

  it.each([
    ['client-unknown', undefined, IN],
    ['client-not-approved', { history: [] }, IN],
    ['client-not-approved', { history: [{ status: 'suspended', at: '2026-01-02T00:00:00.000Z' }] }, IN],
    ['group-of-another', { bindings: [bound(OTHER)] }, IN],
    ['not-in-network', {}, {}],
    ['not-in-network', {}, { [MINE]: [...IN[MINE]!, since('out-of-network', '2026-05-31T00:00:00.000Z')] }],
  ] as const)('says %s', (reason, client, network) => {
    expect(groupDenial('c', [MINE], party(client, network), NOW)).toBe(reason);
  });

  it('follows the network in time: an end in the future changes nothing yet', () => {
    const facts = party({}, { [MINE]: [...IN[MINE]!, since('out-of-network', '2026-06-02T00:00:00.000Z')] });
    expect(groupDenial('c', [MINE], facts, NOW)).toBeUndefined();
    expect(groupDenial('c', [MINE], facts, Date.parse('2026-06-02T00:00:00.000Z'))).toBe('not-in-network');
  });

  it('needs every provider of the Group in network that has a status', () => {
    const facts = party({}, { ...IN, [OTHER]: [since('out-of-network', '2020-01-01T00:00:00.000Z')] });
    expect(groupDenial('c', [MINE, OTHER], facts, NOW)).toBe('not-in-network');
  });
});
