import { isServedType } from '@provider-access/kernel/fhir';
import { Refusal } from '@provider-access/kernel';

export { removedResource, unknownResource } from '@provider-access/kernel';

export const FHIR_JSON = 'application/fhir+json; charset=utf-8';

/** @throws Refusal 404 for a type that is not served: a route that does not exist */
export function servedType(type: string): void {
  if (!isServedType(type)) throw new Refusal('not-found', 'There is no such resource type here; see /fhir/metadata.');
}

/** The parameters on the URL of a request, with repeats. */
export function parametersOf(url: string): URLSearchParams {
  const mark = url.indexOf('?');
  return new URLSearchParams(mark < 0 ? '' : url.slice(mark + 1));
}
