import { isDeepStrictEqual } from 'node:util';
import type { MemberLedger, ProviderOrganization, SyntheticPayer } from '@provider-access/synthetic';
import type { DomainEvent } from '@provider-access/events';
import { payerEvent, publishAll, type Served } from './road.ts';

export interface SeeingOrganization extends ProviderOrganization {
  readonly visible: readonly MemberLedger[];
}

/** Provider organizations with the members that each may see. The organization with the most members comes first. */
export const byMembers = (payer: SyntheticPayer): readonly SeeingOrganization[] =>
  payer.providerOrganizations
    .map((o) => ({ ...o, visible: [...payer.ledger.visibleMembers(o.npi)] }))
    .sort((a, b) => b.visible.length - a.visible.length);

/** The organization that sees the most members. */
export const largest = (payer: SyntheticPayer): SeeingOrganization => byMembers(payer)[0]!;

/**
 * `recorded` and `unchanged` as one count. An intake that loses its partition between its append and its commit handles
 * the events again and finds them recorded, so a busy machine moves a few events from one outcome to the other.
 */
function taken({ recorded = 0, unchanged = 0, ...others }: Readonly<Record<string, number>>): Record<string, number> {
  return {
    ...Object.fromEntries(Object.entries(others).filter(([, count]) => count > 0)),
    taken: recorded + unchanged,
  };
}

/** Publishes all events of a payer. Throws if intake decides differently from the ledger. */
export async function publishPayer(platform: Served, payer: SyntheticPayer): Promise<void> {
  const { outcomes, refused } = await publishAll(platform, payer.events());
  const expected = payer.ledger.summary().outcomes;
  if (refused.length === 0 && isDeepStrictEqual(taken({ ...outcomes }), taken({ ...expected }))) return;
  throw new Error(
    `published ${JSON.stringify(outcomes)}, ${refused.length} refused; expected ${JSON.stringify(expected)}`,
  );
}

/** Publishes events of a test. Throws unless intake recorded each of them. */
export async function publishTaken(platform: Served, ...events: DomainEvent[]): Promise<void> {
  const outcomes = taken((await publishAll(platform, events)).outcomes);
  if (!isDeepStrictEqual(outcomes, { taken: events.length }))
    throw new Error(`${events.length} events became ${JSON.stringify(outcomes)}`);
}

/** The events of a member who is covered, attributed to `provider`, and has these resources beside a Patient. */
export const memberOf = (
  member: string,
  provider: Record<string, unknown>,
  ...resources: { readonly resource: unknown }[]
): DomainEvent[] => [
  payerEvent('payer.member-enrolled.v1', member, { coverageId: `${member}-coverage`, from: '2020-01-01' }),
  payerEvent('payer.attribution-asserted.v1', member, { provider, from: '2020-01-01' }),
  ...[{ resource: { resourceType: 'Patient', id: member, name: [{ family: 'Example' }] } }, ...resources].map((data) =>
    payerEvent('payer.resource-recorded.v1', member, data),
  ),
];
