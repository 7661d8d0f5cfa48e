import { isDeepStrictEqual } from 'node:util';
import type { MemberLedger, ProviderOrganization, SyntheticPayer } from '@provider-access/synthetic';
import { publishAll, type Served } from './road.ts';

export interface SeeingOrganization extends ProviderOrganization { readonly visible: readonly MemberLedger[] }

/** Provider organizations with the members that each may see. The organization with the most members comes first. */
export const byMembers = (payer: SyntheticPayer): readonly SeeingOrganization[] =>
  payer.providerOrganizations
    .map((o) => ({ ...o, visible: [...payer.ledger.visibleMembers(o.npi)] }))
    .sort((a, b) => b.visible.length - a.visible.length);

/** The organization that sees the most members. */
export const largest = (payer: SyntheticPayer): SeeingOrganization => byMembers(payer)[0]!;

/** Publishes all events of a payer. Errors: intake decided otherwise than the ledger says. */
export async function publishPayer(platform: Served, payer: SyntheticPayer): Promise<void> {
  const { outcomes, refused } = await publishAll(platform, payer.events());
  const expected = Object.fromEntries(Object.entries(payer.ledger.summary().outcomes).filter(([, count]) => count > 0));
  if (refused.length === 0 && isDeepStrictEqual({ ...outcomes }, expected)) return;
  throw new Error(`published ${JSON.stringify(outcomes)}, ${refused.length} refused; expected ${JSON.stringify(expected)}`);
}
