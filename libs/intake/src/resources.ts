import { isObject } from '@provider-access/fhir';
import { PAYER_CONTRACT, typeOf, bufferOf, textOf } from '@provider-access/events';
import type { Inbound, Readable } from './read.ts';

/** Resources that can restrict access. A correction may give any other resource its true type. */
export const RESTRICTING: ReadonlySet<string> = new Set(['Coverage', 'Consent']);
/** Resources of the directory that say which specialty a provider has: an opt-out may name a specialty. */
export const DIRECTORY_TYPES: ReadonlySet<string> = new Set(['Practitioner', 'Organization', 'PractitionerRole']);
export const PROVIDER_RECORDED = 'payer.provider-recorded.v1';
const OF_PROVIDERS: ReadonlySet<string> = new Set([...RESTRICTING, ...DIRECTORY_TYPES]);
/** The resource types of an event of this type that an intake which decides access reads. */
export const decisiveOf = (type: string): ReadonlySet<string> =>
  type === PROVIDER_RECORDED ? OF_PROVIDERS : RESTRICTING;

/** Whether events of a type (in its newest version) are about FHIR resources. */
export const isResourceEvent = (type: string): boolean => PAYER_CONTRACT.definition(type)?.owner === 'resources';

/**
 * Whether a resource event certainly has none of these resource types, by its bytes alone, so that most events are
 * never parsed. JSON writes a word either plainly or with `\u` escapes, so bytes with an escape are always parsed.
 * Nothing is decided here.
 */
export function namesNone(record: Readable, resources: ReadonlySet<string>): boolean {
  const type = typeOf(record);
  if (type === undefined || !isResourceEvent(type)) return false;
  const value = bufferOf(record.value);
  return !value.includes('\\u') && [...resources].every((resource) => !value.includes(`"${resource}"`));
}

/**
 * Whether an event is about a resource of one of the types, or may be. If an event cannot be decoded, only its bytes
 * can tell.
 */
export function isAbout(
  record: Readable,
  { type, event }: Pick<Inbound, 'type' | 'event'>,
  resources: ReadonlySet<string>,
): boolean {
  if (type === undefined || !isResourceEvent(type)) return false;
  if (event !== undefined) return namedTypes(event.data).some((named) => resources.has(named));
  const text = textOf(record).replaceAll(/\\u([0-9a-fA-F]{4})/g, (_, hex: string) =>
    String.fromCharCode(Number.parseInt(hex, 16)),
  );
  return [...text.matchAll(/"resourceType"\s*:\s*"([A-Za-z]{1,64})"/g)].some(([, named]) => resources.has(named!));
}

/** The type in the data, valid or not. A deletion names the type beside the id. */
export function namedTypes(data: unknown): string[] {
  const { resourceType, resource } = isObject(data) ? data : {};
  return [resourceType, isObject(resource) ? resource['resourceType'] : undefined].filter(
    (named) => typeof named === 'string',
  );
}
