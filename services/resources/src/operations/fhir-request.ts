import { isServedType } from '@provider-access/kernel/fhir';
import { Refusal } from '@provider-access/kernel';

export { unknownResource } from '@provider-access/kernel';

export const FHIR_JSON = 'application/fhir+json; charset=utf-8';
const JSON_RANGES = new Set([
  '*/*',
  'application/*',
  'application/fhir+json',
  'application/json',
  'text/json',
  'application/json+fhir',
]);

/** @throws Refusal 404 for a type that is not served: a route that does not exist */
export function servedType(type: string): void {
  if (!isServedType(type)) throw new Refusal('not-found', 'There is no such resource type here; see /fhir/metadata.');
}

/** @throws Refusal 406 when the client does not accept JSON */
export function acceptsJson(accept: string | undefined): void {
  if (accept === undefined || accept === '' || accept === '*/*' || accept === 'application/fhir+json') return;
  for (const range of accept.split(',')) {
    const [media = '', ...parameters] = range.split(';').map((part) => part.trim().toLowerCase());
    if (JSON_RANGES.has(media) && !parameters.includes('q=0')) return;
  }
  throw new Refusal('not-acceptable', 'Only application/fhir+json is served.');
}
