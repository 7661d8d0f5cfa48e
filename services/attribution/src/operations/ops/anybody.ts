import type { AttributionFact, BindingFact, PartyFacts } from '@provider-access/domain/access';
import type { ProviderKey } from '@provider-access/events';
import type { Parties } from '@provider-access/facts';

/** Stands for any app of the providers of a list, so that `decide` says who sees a member there. */
export const ANYBODY = 'anybody';
const ALWAYS = '0001-01-01T00:00:00.000Z';
const history = [{ status: 'approved', at: ALWAYS }] as const;
const bound = (providers: readonly ProviderKey[]): readonly BindingFact[] =>
  providers.map((provider) => ({ provider, from: ALWAYS, recordedAt: ALWAYS }));

/** Party facts for an approved app of these providers. */
export const partyOf = (parties: Parties, providers: readonly ProviderKey[]): PartyFacts => ({
  client: (client) => ({ client, name: client, status: 'approved', scope: '', bindings: bound(providers), history }),
  network: (provider) => parties.network(provider),
  identity: (provider) => parties.identity(provider),
  specialties: (provider) => parties.specialties(provider),
  deactivated: (provider) => parties.deactivated(provider),
  sourceHolds: (source) => parties.sourceHolds(source),
  lines: () => parties.lines(),
  holdsUntilNotice: parties.holdsUntilNotice,
  asOf: () => parties.asOf(),
});

/** The name of a list in a forecast: its providers and its contract. */
export const listOf = ({ providers, contract }: Pick<AttributionFact, 'providers' | 'contract'>): string =>
  [...providers.toSorted(), ...(contract === undefined ? [] : [`contract ${contract}`])].join(' ');
