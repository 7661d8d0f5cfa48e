import { type GroupInput, type GroupPayer, groupResource, SUBSETTED } from '@provider-access/domain/pdex';
import { resultLine } from '@provider-access/domain/pdex/match';
import type { NamedGroup } from '@provider-access/facts';
import type { FhirResource } from '@provider-access/fhir';

/** What a Group says about its members. */
type Listed = Pick<GroupInput, 'versionId' | 'lastUpdated' | 'members' | 'quantity' | 'summary'>;

/** How a Group is written: as the list of a provider, or as the result of a match. */
export const resourceOf =
  (group: NamedGroup, payer: GroupPayer, publicUrl: string) =>
  (listed: Listed): FhirResource =>
    group.match === undefined
      ? groupResource({ ...group.head, payer, ...listed })
      : matchedResource(group, payer, publicUrl, listed);

/**
 * A matched Group as a read gives it (MATCH.md M51, M55). It never has the submitted Patients: they are in the file of
 * the job, as long as that is kept (M75).
 */
function matchedResource(
  { id, match, providers }: NamedGroup,
  payer: GroupPayer,
  publicUrl: string,
  { versionId, lastUpdated, members, quantity, summary = false }: Listed,
): FhirResource {
  const line = resultLine(
    {
      kind: 'matched',
      id,
      lastUpdated,
      npis: providers.map((provider) => provider.replace('npi|', '')),
      result: { system: `${publicUrl}/fhir/identifier/match-result`, value: id },
      payer,
      from: match!.from.slice(0, 10),
      to: match!.to.slice(0, 10),
    },
    // The place and the ids are those of a submitted Patient, and none is written.
    members.map(({ member }, place) => ({ place, ids: { patient: '', coverage: '' }, member })),
  );
  const { meta, member: _members, ...group } = JSON.parse(line) as FhirResource & { readonly meta: object };
  const shown = summary ? {} : { member: _members };
  return {
    ...group,
    meta: { ...meta, ...(versionId !== undefined && { versionId }), ...(summary && { tag: [SUBSETTED] }) },
    quantity,
    ...(summary || members.length === 0 ? {} : shown),
  } as FhirResource;
}
