import { Refusal } from '@provider-access/kernel';
import { FHIR_TYPE, JSON_TYPE } from './media-types.ts';

const FORMAT = '_format';
/** The parameters that every interaction has. */
export const GENERAL: readonly string[] = [FORMAT, '_pretty'];
/** What `_format` may name: https://hl7.org/fhir/R4/http.html#mime-type */
const JSON_FORMATS = new Set(['json', 'text/json', JSON_TYPE, FHIR_TYPE, 'application/json+fhir']);
const JSON_RANGES = new Set([...JSON_FORMATS, '*/*', 'application/*']);
const NEVER = /^q=0(\.0{0,3})?$/;

/**
 * The media types that `Accept` allows, in small letters and without parameters. Ranges that it excludes are left out.
 */
export const acceptedMedia = (accept: string): readonly string[] =>
  accept
    .split(',')
    .map((range) => range.split(';').map((part) => part.trim().toLowerCase()))
    .filter(([media, ...parameters]) => media !== '' && !parameters.some((parameter) => NEVER.test(parameter)))
    .map(([media]) => media!);

/** A value of `_format` without parameters. A `+` that the client did not encode arrives as a space. */
export const mediaOfFormat = (format: string): string =>
  format.split(';', 1)[0]!.trim().replaceAll(' ', '+').toLowerCase();

export const isJson = (media: string): boolean => JSON_FORMATS.has(media);

/** @throws Refusal 406 */
export const notJson = (): Refusal =>
  new Refusal('not-acceptable', 'Only JSON is served: use _format=json or leave _format out.', { expression: FORMAT });

function assertJson(accept: string | undefined, formats: readonly string[]): void {
  if (formats.length > 0) {
    if (formats.every((format) => isJson(mediaOfFormat(format)))) return;
    throw notJson();
  }
  if (accept === undefined || accept === '' || accept === '*/*' || accept === FHIR_TYPE) return;
  if (acceptedMedia(accept).some((media) => JSON_RANGES.has(media))) return;
  throw new Refusal('not-acceptable', `Only ${FHIR_TYPE} is served.`);
}

interface Given {
  /** The parameters of the interaction itself. */
  readonly own: URLSearchParams;
  /** The `_format` that the links of the answer carry, so that a client follows them with the headers that it has. */
  readonly format: string | undefined;
}

/**
 * Reads the parameters that every interaction has, and leaves the others: `_format`, which decides before `Accept`, and
 * `_pretty`, which `prettyAnswers` obeys. https://hl7.org/fhir/R4/http.html#parameters
 *
 * @param given with repeats
 * @param linked the query in a page link. Its `_format` counts if the request has none.
 * @throws Refusal 406 if the client does not accept JSON
 */
export function readGeneral(accept: string | undefined, given: URLSearchParams, linked?: URLSearchParams): Given {
  const asked = given.getAll(FORMAT);
  const formats = asked.length > 0 ? asked : (linked?.getAll(FORMAT) ?? []);
  assertJson(accept, formats);
  if (given.size === 0) return { own: given, format: formats[0] };
  const own = new URLSearchParams(given);
  for (const name of GENERAL) own.delete(name);
  return { own, format: formats[0] };
}

/** The parameters of a link: the own ones of a request, sorted by name, and the `_format` that it had. */
export function linkedQuery(
  own: URLSearchParams | readonly [string, string][],
  format: string | undefined,
): URLSearchParams {
  const query = new URLSearchParams([...own]);
  if (format !== undefined) query.set(FORMAT, format.replaceAll(' ', '+'));
  // Values of the same name keep their order.
  query.sort();
  return query;
}

/** A link of a Bundle. */
export const urlWith = (url: string, query: URLSearchParams): string => (query.size === 0 ? url : `${url}?${query}`);
