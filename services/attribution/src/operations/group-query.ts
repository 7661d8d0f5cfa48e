import { type FhirResource, parseQuery, type SearchQuery, subsetOf } from '@provider-access/kernel/fhir';
import { Refusal, type RefusalKind, REFUSALS } from '@provider-access/kernel';

/** What shapes one Group of an answer. */
export type GroupShape = Pick<SearchQuery, 'summary' | 'elements'>;

/** Reads parameters by the searches of Group. @throws Refusal 400 that names the parameter */
export function readGroupQuery(parameters: URLSearchParams, publicUrl: string, lenient = false): SearchQuery {
  const parsed = parseQuery('Group', parameters, { base: `${publicUrl}/fhir`, lenient });
  if (parsed.ok) return parsed.query;
  const { code, details, expression } = parsed.issue;
  const kinds = Object.keys(REFUSALS) as RefusalKind[];
  const kind = kinds.find((each) => REFUSALS[each].status === 400 && REFUSALS[each].issue === code);
  throw new Refusal(
    kind ?? 'invalid-request',
    `${details?.text ?? 'A parameter is not valid'}.`,
    expression?.[0] === undefined ? {} : { expression: expression[0] },
  );
}

/** Whether the answer shows members. Without them, a Group may have any number of members. */
export const showsMembers = ({ summary, elements }: GroupShape): boolean =>
  elements === undefined
    ? summary === undefined || summary === 'false' || summary === 'data'
    : elements.includes('member');

/**
 * The part of a Group that `_summary` or `_elements` asks for. `_summary=true` leaves out the members alone, because
 * clients read the extension and the characteristic of a list that is too large to be read as a whole.
 *
 * @param group as `GroupView.render` gives it: a summary if the answer shows no members
 */
export function shaped(group: FhirResource, { summary, elements }: GroupShape): FhirResource {
  if (elements === undefined && summary !== 'text' && summary !== 'data') return group;
  const { tag: _subsetted, ...meta } = group['meta'] as Readonly<Record<string, unknown>>;
  return subsetOf({ ...group, meta }, { summary, elements });
}
