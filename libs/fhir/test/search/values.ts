import { Matcher, type SearchFilter } from '../../src/search/evaluate.ts';
import { parseQuery } from '../../src/search/query.ts';
import type { FhirResource } from '../../src/types.ts';

export const BASE = 'https://payer.example/fhir';

/** The only filter of a search. @throws Error if the search is not valid */
export function filterOf(type: string, key: string, value: string): SearchFilter {
  const parsed = parseQuery(type, new URLSearchParams([[key, value]]), { base: BASE, lenient: false });
  if (!parsed.ok) throw new Error(`${type}?${key}=${value}: ${JSON.stringify(parsed.issue)}`);
  return parsed.query.filters[0]!;
}

/** Whether a resource satisfies one filter of its type. */
export const matches = (filter: SearchFilter, resource: FhirResource): boolean =>
  new Matcher([filter]).matches(resource);
