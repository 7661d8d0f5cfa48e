import { type FhirResource, type Subset, subsetOf } from '@provider-access/fhir';

/** Whether the answer shows members. Without them, a Group may have any number of members. */
export const showsMembers = ({ summary, elements }: Subset): boolean =>
  elements === undefined
    ? summary === undefined || summary === 'false' || summary === 'data'
    : elements.includes('member');

/**
 * The part of a Group that `_summary` or `_elements` asks for. `_summary=true` leaves out the members alone, because
 * clients read the extension and the characteristic of a list that is too large to be read as a whole.
 *
 * @param group as `GroupView.render` gives it: a summary if the answer shows no members
 */
export function shaped(group: FhirResource, { summary, elements }: Subset): FhirResource {
  if (elements === undefined && summary !== 'text' && summary !== 'data') return group;
  const { tag: _subsetted, ...meta } = group['meta'] as Readonly<Record<string, unknown>>;
  return subsetOf({ ...group, meta }, { summary, elements });
}
