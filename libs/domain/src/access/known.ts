import type { ProviderKey } from '@provider-access/events';
import type { ClientFacts, PartyFacts } from './facts.ts';
import type { MemberFacts } from './decide.ts';

/** The newest of these instants that is not after `now` (ms since the epoch); 0 without one. */
function newest(now: number, instants: Iterable<string | undefined>): number {
  let found = 0;
  for (const at of instants) {
    const time = at === undefined ? 0 : Date.parse(at);
    if (time <= now && time > found) found = time;
  }
  return found;
}

/**
 * When the newest fact about a member was recorded, began or ended, ms since the epoch. A decision about the member
 * cannot have changed later for a reason of the member. It may be too late, because a fact need not change a decision.
 */
export function memberKnownAt(member: MemberFacts, now: number): number {
  const { attributions, coverage, optOuts, holds, notices = [], plans = [], asOf } = member;
  const { attestations = [] } = member;
  const intervals = [...attributions, ...attestations, ...coverage, ...optOuts, ...holds, ...notices, ...plans];
  return newest(now, [asOf, ...intervals.flatMap(({ from, to }) => [from, to])]);
}

/** The same for what concerns all members of a list: the client, the network, lines, and holds of sources. */
export function partyKnownAt(
  party: PartyFacts,
  client: ClientFacts | undefined,
  { providers, sources }: { readonly providers: readonly ProviderKey[]; readonly sources: Iterable<string> },
  now: number,
): number {
  const networks = providers.flatMap((provider) => party.network(provider));
  const holds = [...sources].flatMap((source) => party.sourceHolds(source));
  const tables = party.lines();
  return newest(now, [
    ...(client?.history ?? []).map(({ at }) => at),
    ...(client?.bindings ?? []).flatMap(({ from, ends = [] }) => [from, ...ends.map(({ to }) => to)]),
    ...networks.flatMap(({ from, recordedAt }) => [from, recordedAt]),
    ...holds.flatMap(({ from, to }) => [from, to]),
    ...tables.flatMap(({ setAt, plans }) => [setAt, ...[...plans.values()].map(({ from }) => from)]),
  ]);
}
