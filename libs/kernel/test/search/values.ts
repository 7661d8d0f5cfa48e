import type { SearchParameter } from '../../src/fhir/search/definitions.ts';
import { Matcher, type SearchFilter } from '../../src/fhir/search/evaluate.ts';
import { each, isOfType } from '../../src/fhir/search/extract.ts';
import type { FhirResource } from '../../src/fhir/types.ts';

/** The values that a search parameter reads from a resource. */
export function extract(
  parameter: SearchParameter,
  resource: FhirResource,
): readonly { readonly type: string; readonly value: unknown }[] {
  const values: { type: string; value: unknown }[] = [];
  if (isOfType(parameter, resource)) each(parameter, resource, (type, value) => values.push({ type, value }));
  return values;
}

/** Whether a resource satisfies one filter of its type. */
export const matches = (filter: SearchFilter, resource: FhirResource): boolean =>
  new Matcher([filter]).matches(resource);
