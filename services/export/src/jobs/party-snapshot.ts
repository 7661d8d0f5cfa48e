import { type HoldFact, type NetworkFact, type PartyFacts, sourcesOf } from '@provider-access/domain/access';
import type { ProviderKey } from '@provider-access/events';
import type { Access } from '@provider-access/facts';
import type { PartySnapshot } from './chunk-writer.ts';

/**
 * The party facts that decisions about these members need, for a thread that does not follow topics itself.
 * @throws FactsStale
 */
export async function partySnapshot(
  client: string,
  group: string,
  members: readonly string[],
  access: Access,
  parties: PartyFacts,
): Promise<PartySnapshot> {
  const network = new Map<ProviderKey, readonly NetworkFact[]>();
  const sourceHolds = new Map<string, readonly HoldFact[]>();
  for (const facts of await access.factsOfMany(members)) {
    for (const attribution of facts?.attributions ?? [])
      if (attribution.group === group)
        for (const provider of attribution.providers) network.set(provider, parties.network(provider));
    for (const source of facts === undefined ? [] : sourcesOf(facts)) {
      const holds = parties.sourceHolds(source);
      if (holds.length > 0) sourceHolds.set(source, holds);
    }
  }
  const known = parties.client(client);
  const identities = [...network.keys(), ...(known?.providers ?? [])]
    .map((p) => [p, parties.identity(p)] as const)
    .filter(([, all]) => all.length > 1);
  return { client: known, network: [...network], sourceHolds: [...sourceHolds], identities, asOf: parties.asOf() };
}
