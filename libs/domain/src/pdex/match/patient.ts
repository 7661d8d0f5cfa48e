import { isObject } from '@provider-access/fhir';
import type { Demographics } from './bundle.ts';
import { type Fault, faultAt, isText, type Json, listFault, objectsOf, textFault } from './elements.ts';

type Person = Omit<Demographics, 'memberIds' | 'subscriberId'>;
const BIRTH_SEX = 'http://hl7.org/fhir/us/core/StructureDefinition/us-core-birthsex';
const SEXES: ReadonlyMap<unknown, string> = new Map([
  ['F', 'female'],
  ['M', 'male'],
  ['OTH', 'other'],
  ['UNK', 'unknown'],
]);
const DAY = /^\d{4}-\d{2}-\d{2}$/;
/** The name that a search compares: the first of the best use. */
const USES: readonly unknown[] = ['official', undefined, 'usual', 'nickname', 'anonymous', 'temp', 'maiden', 'old'];

/** What is missing in a valid Patient for a search: HRex's demographics (M12). */
export function personFault(patient: Json, part: string): Fault | undefined {
  if (!isText(patient['id'])) return faultAt(`${part}.id`, 'is required, because Coverage and Consent refer to it');
  const names = patient['name'];
  if (!Array.isArray(names) || names.length === 0) return faultAt(`${part}.name`, 'is required');
  const tooMany = ['name', 'address'].map((list) => listFault(`${part}.${list}`, patient[list])).find(Boolean);
  if (tooMany !== undefined) return tooMany;
  for (const [at, name] of objectsOf(names).entries()) {
    const wrong = nameFault(name, `${part}.name[${at}]`);
    if (wrong !== undefined) return wrong;
  }
  const { birthDate } = patient;
  if (birthDate === undefined) return faultAt(`${part}.birthDate`, 'is required');
  if (typeof birthDate !== 'string' || !DAY.test(birthDate))
    return faultAt(`${part}.birthDate`, 'must be a whole day, YYYY-MM-DD');
  if (sexOf(patient) === undefined)
    return faultAt(`${part}.gender`, 'is required, or the extension us-core-birthsex in its place');
  for (const [at, address] of objectsOf(patient['address']).entries()) {
    const wrong = textFault(`${part}.address[${at}].postalCode`, address['postalCode']);
    if (wrong !== undefined) return wrong;
  }
  return undefined;
}

function nameFault({ family, given, suffix }: Json, place: string): Fault | undefined {
  if (family === undefined) return faultAt(`${place}.family`, 'is required');
  const first = Array.isArray(given) ? given.filter(isText) : [];
  if (first.length === 0) return faultAt(`${place}.given`, 'is required');
  for (const [list, texts] of Object.entries({ given, suffix })) {
    const wrong =
      listFault(`${place}.${list}`, texts) ??
      (texts as unknown[] | undefined)
        ?.map((text, at) => textFault(`${place}.${list}[${at}]`, text ?? undefined))
        .find(Boolean);
    if (wrong !== undefined) return wrong;
  }
  return textFault(`${place}.family`, family);
}

function sexOf({ gender, extension }: Json): string | undefined {
  if (typeof gender === 'string') return gender;
  return SEXES.get(objectsOf(extension).find(({ url }) => url === BIRTH_SEX)?.['valueCode']);
}

/** What a search compares of a Patient without a fault. */
export function personOf(patient: Json): Person {
  const name = objectsOf(patient['name']).toSorted((a, b) => rankOf(a) - rankOf(b))[0]!;
  const suffix = textsOf(name['suffix']);
  const gender = sexOf(patient);
  const zip = zipOf(patient);
  return {
    birthDate: patient['birthDate'] as string,
    family: name['family'] as string,
    given: textsOf(name['given']),
    ...(suffix.length > 0 && { suffix }),
    ...(gender !== undefined && { gender }),
    ...(zip !== undefined && { zip }),
  };
}
const rankOf = ({ use }: Json): number => USES.indexOf(use) >>> 0;
const textsOf = (list: unknown): string[] => (Array.isArray(list) ? list.filter(isText) : []);

/** The ZIP of the home address, or of the first that is not a former one. */
function zipOf({ address }: Json): string | undefined {
  const current = objectsOf(address).filter((one) => one['use'] !== 'old' && isText(one['postalCode']));
  const found = current.find(({ use }) => use === 'home') ?? current[0];
  return found?.['postalCode'] as string | undefined;
}

/**
 * Who is submitted, to recognise the same person in two bundles of one request (M58). Undefined for a Patient that is
 * not readable as one.
 */
export function personKey(patient: unknown): string | undefined {
  const [name] = isObject(patient) ? objectsOf(patient['name']) : [];
  if (name === undefined || !isObject(patient)) return undefined;
  const { family, given } = name;
  const [first] = Array.isArray(given) ? (given as unknown[]) : [];
  const { birthDate } = patient;
  if (!isText(family) || !isText(first) || typeof birthDate !== 'string') return undefined;
  return JSON.stringify([family.trim().toLowerCase(), first.trim().toLowerCase(), birthDate]);
}
