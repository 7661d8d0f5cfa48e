import { clientStatusAt, inNetwork } from './decide.ts';
import type { AttributionFact, PartyFacts } from './facts.ts';

/** Why a Group does not exist for a client. Audit and metrics use these words; clients never see them. */
export type GroupDenial = 'client-unknown' | 'client-not-approved' | 'group-of-another' | 'not-in-network';

/**
 * Whether a Group exists for a client at `now` (ms since the epoch): the client is approved, it is bound to a provider
 * of the Group, and the providers of the Group are in network. Group reads, searches and kick-offs of exports ask this
 * function, so that all of them give the same answer. It permits no member: `decide` does that for each member.
 *
 * @returns the reason why the Group does not exist for the client; undefined if it exists
 */
export function groupDenial(
  client: string,
  providers: AttributionFact['providers'],
  party: PartyFacts,
  now: number,
): GroupDenial | undefined {
  const facts = party.client(client);
  if (facts === undefined) return 'client-unknown';
  if (clientStatusAt(facts, now) !== 'approved') return 'client-not-approved';
  if (!providers.some((provider) => facts.providers.includes(provider))) return 'group-of-another';
  return inNetwork(party, providers, now) ? undefined : 'not-in-network';
}
