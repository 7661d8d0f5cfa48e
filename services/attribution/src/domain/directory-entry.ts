import { type DirectoryEntryRecorded, npiKey, type ProviderKey, tinKey } from '@provider-access/events';
import { isObject, parseReference } from '@provider-access/fhir';
import { DIRECTORY_TYPES } from '@provider-access/intake';
import { isCategory } from '@provider-access/domain/access';
import { identified } from '@provider-access/domain/pdex';

const NUCC = 'http://nucc.org/provider-taxonomy';

type Json = Readonly<Record<string, unknown>>;
const objects = (value: unknown): readonly Json[] => (Array.isArray(value) ? value.filter(isObject) : []);

/**
 * What a resource of the directory says about specialties (N7): a Practitioner or an Organization, which identifiers it
 * has, and whether it is active (MATCH.md M31); a PractitionerRole, which specialties its parties have. A role that is
 * not active gives none. Pure.
 * @returns undefined for another resource, and for one without an id
 */
export function directoryEntryOf(resource: Json, businessTime: string): DirectoryEntryRecorded | undefined {
  const { resourceType: type, id } = resource;
  if (typeof type !== 'string' || typeof id !== 'string' || !DIRECTORY_TYPES.has(type)) return undefined;
  const entry = { entry: `${type}/${id}`, businessTime };
  if (type !== 'PractitionerRole') {
    const providers = keysOf(objects(resource['identifier']));
    return { ...entry, providers, ...(resource['active'] === false && { active: false }) };
  }
  if (resource['active'] === false) return { ...entry, specialties: [], of: [], providers: [] };
  const parties = [resource['practitioner'], resource['organization']];
  return {
    ...entry,
    specialties: specialtiesOf(resource['specialty']),
    of: parties.flatMap((party) => referenceIn(party) ?? []),
    providers: keysOf(
      parties.flatMap((party) => (isObject(party) && isObject(party['identifier']) ? [party['identifier']] : [])),
    ),
  };
}

const keysOf = (identifiers: readonly Json[]): ProviderKey[] => [
  ...new Set(
    identifiers.flatMap((identifier) => {
      const found = identified({ identifier });
      return found === undefined ? [] : ['npi' in found ? npiKey(found.npi) : tinKey(found.tin)];
    }),
  ),
];

function referenceIn(value: unknown): string | undefined {
  const { reference: text } = isObject(value) ? value : {};
  const reference = typeof text === 'string' ? parseReference(text) : undefined;
  return reference?.kind === 'literal' && DIRECTORY_TYPES.has(reference.type)
    ? `${reference.type}/${reference.id}`
    : undefined;
}

function specialtiesOf(specialty: unknown): string[] {
  const codings = objects(specialty).flatMap(({ coding }) => objects(coding));
  const codes = codings.filter(({ system }) => system === NUCC).map(({ code }) => code);
  return [...new Set(codes.filter((code): code is string => typeof code === 'string' && isCategory(code)))];
}
