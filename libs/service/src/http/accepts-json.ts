import { Refusal } from '@provider-access/kernel';

/** What `_format` may name: https://hl7.org/fhir/R4/http.html#parameters */
const JSON_FORMATS = new Set(['json', 'application/json', 'application/fhir+json', 'text/json']);
const JSON_RANGES = new Set([
  '*/*',
  'application/*',
  'application/fhir+json',
  'application/json',
  'text/json',
  'application/json+fhir',
]);
const NEVER = /^q=0(\.0{0,3})?$/;

/**
 * Whether an answer in JSON is what the client asks for. `_format` decides if it is there, and `Accept` otherwise.
 *
 * @param formats the values of `_format` of the request
 * @throws Refusal 406
 */
export function assertJson(accept: string | undefined, formats: readonly string[] = []): void {
  if (formats.length > 0) {
    // A `+` that the client did not encode arrives as a space.
    if (formats.every((format) => JSON_FORMATS.has(format.replaceAll(' ', '+')))) return;
    throw new Refusal('not-acceptable', 'Only JSON is served: use _format=json or leave _format out.', {
      expression: '_format',
    });
  }
  if (accept === undefined || accept === '' || accept === '*/*' || accept === 'application/fhir+json') return;
  for (const range of accept.split(',')) {
    const [media = '', ...parameters] = range.split(';').map((part) => part.trim().toLowerCase());
    if (JSON_RANGES.has(media) && !parameters.some((parameter) => NEVER.test(parameter))) return;
  }
  throw new Refusal('not-acceptable', 'Only application/fhir+json is served.');
}
