import type { ProviderKey } from '@provider-access/events';
import { providersAt } from './bindings.ts';
import { clientStatusAt, inNetwork } from './decide.ts';
import type { AttributionFact, PartyFacts } from './facts.ts';

/** Why a Group does not exist for a client. Audit and metrics use these words; clients never see them. */
export type GroupDenial =
  'client-unknown' | 'client-not-approved' | 'group-of-another' | 'not-in-network' | 'group-expired';

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
  const bound = providersAt(facts, now);
  if (!providers.some((provider) => bound.includes(provider))) return 'group-of-another';
  return inNetwork(party, providers, now) ? undefined : 'not-in-network';
}

/** The result of a match, which belongs to one app (MATCH.md M70). Times are RFC 3339 instants. */
export interface MatchedGroup {
  readonly client: string;
  /** Who attested. Empty if nobody matched. */
  readonly providers: readonly ProviderKey[];
  readonly to: string;
}
/**
 * Whether a matched Group exists for a client at `now` (ms since the epoch): it is the client's, which is approved, and
 * bound to a provider who attested and who is in network and active. Its expiry is told to its own client alone (M71).
 *
 * @returns the reason why the Group does not exist for the client; undefined if it exists
 */
export function matchedGroupDenial(
  client: string,
  group: MatchedGroup,
  party: PartyFacts,
  now: number,
): GroupDenial | undefined {
  const facts = party.client(client);
  if (facts === undefined) return 'client-unknown';
  if (clientStatusAt(facts, now) !== 'approved') return 'client-not-approved';
  if (group.client !== client) return 'group-of-another';
  const ofClient = providersAt(facts, now);
  const bound = group.providers.filter((provider) => ofClient.includes(provider));
  if (bound.length === 0 && group.providers.length > 0) return 'group-of-another';
  if (Date.parse(group.to) <= now) return 'group-expired';
  const isOpen = bound.some((provider) => inNetwork(party, [provider], now) && !party.deactivated(provider));
  return isOpen || group.providers.length === 0 ? undefined : 'not-in-network';
}
