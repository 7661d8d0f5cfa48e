import { hash } from 'node:crypto';
import { isObject } from '@provider-access/fhir';
import { normalSystem, normalValue } from '../labels/persons.ts';
import type { Demographics } from './bundle.ts';
import { type Described, describedIn, listOf } from './described.ts';

/**
 * Keys by which the index finds members (M44, ADR 0123): hashes of ids, and of a birth date with a family name. A key
 * only finds who is compared, so the name of a system and the spelling of an id are normal forms.
 */

const IDENTIFIER_TYPES = 'http://terminology.hl7.org/CodeSystem/v2-0203';
const C4BB_TYPES = 'http://hl7.org/fhir/us/carin-bb/CodeSystem/C4BBIdentifierType';
/** A submitted Coverage has one or two ids. A bundle with more tries ids out (M77), and finds nobody. */
export const MOST_SUBMITTED_IDS = 4;

const keyOf = (parts: readonly string[]): string => hash('sha256', JSON.stringify(parts), 'base64url').slice(0, 22);
/** Of an id in a system; `''` is no system. */
const ofSystem = (system: string, value: string): string => keyOf(['id', system, value]);
const ofValue = (value: string): string => keyOf(['id', value]);

/** Whether an identifier is the number of a member: `MB`, or the `um` of CARIN. */
function isMemberId(identifier: Record<string, unknown>): boolean {
  const { type } = identifier;
  return listOf(isObject(type) ? type['coding'] : undefined).some(
    ({ system, code }) => (code === 'MB' && system === IDENTIFIER_TYPES) || (code === 'um' && system === C4BB_TYPES),
  );
}

const idKeys = (system: unknown, value: unknown): readonly string[] => {
  const normal = normalValue(value);
  return normal === '' ? [] : [ofValue(normal), ofSystem(normalSystem(system), normal)];
};
const ofIdentifiers = (identifiers: unknown): readonly string[] =>
  listOf(identifiers)
    .filter(isMemberId)
    .flatMap(({ system, value }) => idKeys(system, value));

/** The keys of a birth date with each family name. */
export const nameKeys = ({ birthDate, families }: Described): readonly string[] =>
  birthDate === undefined ? [] : families.map((family) => keyOf(['name', birthDate, family]));

/** The keys under which the index has a Patient or a Coverage that the payer published. */
export function storedKeys(resource: unknown): readonly string[] {
  if (!isObject(resource)) return [];
  const own = resource['resourceType'] === 'Patient' ? nameKeys(describedIn(resource)) : [];
  const subscriber = resource['resourceType'] === 'Coverage' ? idKeys(undefined, resource['subscriberId']) : [];
  return [...new Set([...ofIdentifiers(resource['identifier']), ...subscriber, ...own])];
}

/**
 * For each submitted id the keys that find it, without ids of others (M45). Without `systems`, an id with a system is
 * found in this system alone, and an id without one in any. With `systems`, which are all systems of this
 * payer, an id of another system is ignored, and so are stored ids of other systems.
 */
export function submittedIds(
  { memberIds, subscriberId }: Pick<Demographics, 'memberIds' | 'subscriberId'>,
  systems: readonly string[],
): readonly (readonly string[])[] {
  const own = [...new Set(systems.map(normalSystem))];
  const keysOf = (system: string, value: string): readonly string[] => {
    if (value === '') return [];
    if (own.length === 0) return [system === '' ? ofValue(value) : ofSystem(system, value)];
    return system === '' || own.includes(system) ? ['', ...own].map((each) => ofSystem(each, value)) : [];
  };
  const all = [
    ...memberIds.map(({ system, value }) => keysOf(normalSystem(system), normalValue(value))),
    keysOf('', normalValue(subscriberId)),
  ].filter((keys) => keys.length > 0);
  return [...new Map(all.map((keys) => [keys.join(' '), keys])).values()];
}
