import {
  type ClientFacts,
  type HoldFact,
  inForceUntil,
  type LinesFact,
  type NetworkFact,
  type PartyFacts,
  type Purpose,
  sourcesOf,
} from '@provider-access/domain/access';
import type { ProviderKey } from '@provider-access/events';
import type { Access, Parties } from '@provider-access/facts';
import type { ReadOfParties } from '@provider-access/facts/views';

/**
 * Party facts at the start of a chunk, for the thread that writes it. Seal and download decide again on newer facts.
 */
export interface PartySnapshot {
  readonly client: ClientFacts | undefined;
  readonly network: ReadonlyMap<ProviderKey, readonly NetworkFact[]>;
  readonly sourceHolds: ReadonlyMap<string, readonly HoldFact[]>;
  /** Identifiers of each provider that has several. */
  readonly identities: ReadonlyMap<ProviderKey, readonly ProviderKey[]>;
  /** Specialties of each identifier that has some. */
  readonly specialties: ReadonlyMap<ProviderKey, readonly string[]>;
  /** Those of the attesting providers that are deactivated. */
  readonly deactivated: ReadonlySet<ProviderKey>;
  readonly lines: readonly LinesFact[];
  readonly holdsUntilNotice?: boolean;
  /** RFC 3339 instant of the newest event in these facts. */
  readonly asOf: string | undefined;
  /** How far the process had read these facts (ADR 0145). */
  readonly readUntil: ReadOfParties;
}
/** The facts of a snapshot, and how far they had been read. */
export type SnapshotFacts = PartyFacts & Pick<PartySnapshot, 'readUntil'>;

/**
 * The party facts that decisions about these members need, for a thread that does not follow topics itself.
 * @param since `_since` of the job, ms since the epoch
 * @throws FactsStale
 */
export async function partySnapshot(
  client: string,
  { group, also }: Purpose,
  members: readonly string[],
  access: Access,
  parties: PartyFacts & Pick<Parties, 'readUntil'>,
  since?: number,
): Promise<PartySnapshot> {
  const network = new Map<ProviderKey, readonly NetworkFact[]>();
  const sourceHolds = new Map<string, readonly HoldFact[]>();
  for (const facts of await access.factsOfMany(members)) {
    for (const attribution of facts?.attributions ?? [])
      if (attribution.group === group || attribution.group === also?.group)
        for (const provider of attribution.providers) network.set(provider, parties.network(provider));
    for (const attestation of facts?.attestations ?? [])
      if (attestation.group === group) network.set(attestation.provider, parties.network(attestation.provider));
    for (const source of facts === undefined ? [] : sourcesOf(facts)) {
      const holds = parties.sourceHolds(source);
      if (holds.length > 0) sourceHolds.set(source, holds);
    }
  }
  const asOf = parties.asOf();
  const known = withoutEnded(parties.client(client), asOf, since);
  const bound = (known?.bindings ?? []).map(({ provider }) => provider);
  const all = [...new Set([...network.keys(), ...bound])].map((p) => [p, parties.identity(p)] as const);
  const identities = new Map(all.filter(([, same]) => same.length > 1));
  const specialties = new Map(
    all
      .flatMap(([, same]) => same)
      .map((p) => [p, parties.specialties(p)] as const)
      .filter(([, codes]) => codes.length > 0),
  );
  const deactivated = new Set([...network.keys()].filter((provider) => parties.deactivated(provider)));
  const lines = parties.lines();
  const holdsUntilNotice = parties.holdsUntilNotice === true;
  return {
    client: known,
    network,
    sourceHolds,
    identities,
    specialties,
    deactivated,
    lines,
    holdsUntilNotice,
    asOf,
    readUntil: parties.readUntil(),
  };
}

/**
 * A client may have thousands of bindings that have ended. A thread needs those that may be in force. A delta also
 * needs those that ended after `_since`, because they tell since when a member is visible.
 */
function withoutEnded(
  client: ClientFacts | undefined,
  asOf: string | undefined,
  since: number = Number.POSITIVE_INFINITY,
): ClientFacts | undefined {
  if (client === undefined || asOf === undefined) return client;
  const from = Math.min(Date.parse(asOf), since);
  return { ...client, bindings: client.bindings.filter((binding) => inForceUntil(binding) >= from) };
}

/** The facts of a snapshot, as decisions ask for them. */
export const partyOf = ({
  client,
  network,
  sourceHolds,
  identities,
  specialties,
  deactivated,
  lines,
  holdsUntilNotice = false,
  asOf,
  readUntil,
}: PartySnapshot): SnapshotFacts => ({
  client: (id) => (client?.client === id ? client : undefined),
  network: (p) => network.get(p) ?? [],
  sourceHolds: (s) => sourceHolds.get(s) ?? [],
  identity: (p) => identities.get(p) ?? [p],
  specialties: (p) => specialties.get(p) ?? [],
  deactivated: (p) => deactivated.has(p),
  lines: () => lines,
  holdsUntilNotice,
  asOf: () => asOf,
  readUntil,
});
