import type { ProviderKey } from '@provider-access/events';
import type { Views } from '@provider-access/engines/views';
import { groups, memberships, type MembershipPart } from './projections.ts';

const PAGE = 500;

/**
 * All members who were ever attributed to a Group of these providers, each once and without order. Whether a client may
 * see them now is for `Access` to decide. The cost follows this set, and not the number of members in the store.
 */
export async function attributedMembers(
  views: Pick<Views, 'reader'>,
  providers: readonly ProviderKey[],
): Promise<ReadonlySet<string>> {
  const [byProvider, byGroup] = [views.reader(groups), views.reader(memberships)];
  const found = new Set<string>();
  const ids = new Set<string>();
  for (const provider of providers)
    for await (const { _id } of byProvider.scan({ index: 'by_provider', equals: [provider] })) ids.add(_id);
  for (const group of ids)
    for await (const document of byGroup.scan({
      index: 'by_group',
      equals: [group],
      pageSize: PAGE,
      fields: 'keys',
    }))
      found.add((document['membership'] as MembershipPart).member);
  return found;
}
