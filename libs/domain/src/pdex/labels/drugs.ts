import { isObject, parseReference } from '@provider-access/fhir';
import { categoryOfDrug, modifiesDrug, type Named, namesDrug } from './drug-codes.ts';

/** A label that the platform itself gives to the prior authorization of a drug. A payer does not write it. */
export const DRUG_AUTHORIZATION = 'urn:provider-access:label|drug-prior-authorization';

export type Source = Readonly<Record<string, unknown>>;
const isArray = (value: unknown): value is readonly unknown[] => Array.isArray(value);
export const objectsOf = (value: unknown): readonly Source[] =>
  isArray(value) ? value.filter(isObject) : isObject(value) ? [value] : [];

/** What a prior authorization, or a part of it, authorizes. `unsure`: a drug, perhaps beside a service. */
export type Authorized = 'services' | 'drugs' | 'both' | 'unsure';

/** Parts of an item that are products of their own. */
export const PARTS = ['detail', 'subDetail'] as const;
const isPart = (name: string): boolean => (PARTS as readonly string[]).includes(name);
const AUTHORIZED_DETAIL = /\/extension-itemAuthorizedDetail$/;
const AUTHORIZED_CODES: ReadonlySet<unknown> = new Set(['productOrServiceCode', 'productOrServiceCodeEnd']);

type FoundCoding = readonly [element: string, coding: Source];

/** The Codings at any depth, with the element that has them, without those of `detail` and `subDetail`. */
export function codingsIn(value: unknown, element = '', found: FoundCoding[] = []): readonly FoundCoding[] {
  if (isArray(value)) {
    for (const one of value) codingsIn(one, element, found);
  } else if (isObject(value)) {
    if (typeof value['code'] === 'string') found.push([element, value]);
    // A part of a complex extension is named by its URL.
    const own = element === 'extension' && typeof value['url'] === 'string' ? value['url'] : element;
    for (const name in value) {
      const child = value[name];
      if (typeof child !== 'object' || isPart(name)) continue;
      codingsIn(child, name === 'coding' || name.startsWith('value') ? own : name, found);
    }
  }
  return found;
}
const namedBy = ([element, coding]: FoundCoding): Named =>
  element === 'modifier' ? modifiesDrug(coding) : element === 'category' ? categoryOfDrug(coding) : namesDrug(coding);

const ABSENT = 'http://terminology.hl7.org/CodeSystem/data-absent-reason';
const codesOf = (concept: unknown): readonly Source[] =>
  objectsOf(isObject(concept) ? concept['coding'] : undefined).filter(
    ({ system, code }) => typeof code === 'string' && system !== ABSENT,
  );
/** The products that an item has as authorized, which may differ from the requested one. */
const authorizedCodes = (item: Source): readonly Source[] =>
  objectsOf(item['extension'])
    .filter(({ url }) => typeof url === 'string' && AUTHORIZED_DETAIL.test(url))
    .flatMap(({ extension }) => objectsOf(extension))
    .filter(({ url }) => AUTHORIZED_CODES.has(url))
    .flatMap(({ valueCodeableConcept }) => codesOf(valueCodeableConcept));
const requestedCodes = (item: Source): readonly Source[] => codesOf(item['productOrService']);
/** Whether a code says what an item is. Without one, only its text does, which nobody guesses from. */
export const hasCode = (item: Source): boolean => requestedCodes(item).length + authorizedCodes(item).length > 0;

/** What an item, or a part of one, authorizes (rows N72 to N75). */
export function authorizedBy(item: Source): Authorized {
  const named = new Set<Named>();
  for (const one of codingsIn(item)) named.add(namedBy(one));
  const parts = PARTS.flatMap((name) => objectsOf(item[name]));
  const inside = parts.map(authorizedBy);
  if (inside.includes('unsure') || (named.has('perhaps') && !named.has('yes'))) return 'unsure';
  if (!named.has('yes')) {
    if (inside.length > 0 && !hasCode(item) && inside.every((one) => one === 'drugs')) return 'drugs';
    return inside.some((one) => one !== 'services') ? 'both' : 'services';
  }
  // A service that was authorized in place of the drug, or a service below the drug, cannot stay without it.
  const authorized = authorizedCodes(item);
  const instead = authorized.length > 0 && !authorized.some((coding) => namesDrug(coding) === 'yes');
  const services = parts.some((part, at) => inside[at] !== 'drugs' && hasCode(part));
  return (instead && requestedCodes(item).length > 0) || services ? 'unsure' : 'drugs';
}

const isPharmacy = (concept: unknown): boolean =>
  codesOf(concept).some(({ code }) => (code as string).trim().toLowerCase() === 'pharmacy');

/** Whether `prescription` refers to anything but glasses. */
function isOfMedicine(reference: unknown, contained: unknown): boolean {
  if (!isObject(reference)) return false;
  const { reference: text, type } = reference;
  const parsed = typeof text === 'string' ? parseReference(text) : undefined;
  if (parsed === undefined || parsed.kind === 'other') return type !== 'VisionPrescription';
  if (parsed.kind !== 'contained') return parsed.type !== 'VisionPrescription';
  return objectsOf(contained).find(({ id }) => id === parsed.id)?.['resourceType'] !== 'VisionPrescription';
}

/** The items and the items that the payer added. */
export const itemsOf = (resource: Source): readonly Source[] => [
  ...objectsOf(resource['item']),
  ...objectsOf(resource['addItem']),
];

/** What a prior authorization authorizes (42 CFR 422.119(b)(1)(iv) excludes drugs). Undefined for another resource. */
export function authorizedIn(resource: Source): Authorized | undefined {
  const { resourceType: type, use, contained } = resource;
  if ((type !== 'ExplanationOfBenefit' && type !== 'Claim') || use !== 'preauthorization') return undefined;
  if (isPharmacy(resource['type']) || isPharmacy(resource['subType'])) return 'drugs';
  if (['prescription', 'originalPrescription'].some((name) => isOfMedicine(resource[name], contained))) return 'drugs';
  const items = itemsOf(resource);
  const each = items.map(authorizedBy);
  if (each.includes('unsure')) return 'unsure';
  if (each.every((one) => one === 'services')) return 'services';
  if (each.every((one) => one === 'drugs')) return 'drugs';
  // Beside a drug, an item without a code may be one too.
  return items.every((item, at) => each[at] === 'drugs' || hasCode(item)) ? 'both' : 'unsure';
}

/** Whether a resource is a prior authorization of a drug, also beside services. */
export const isDrugAuthorization = (resource: Source): boolean => (authorizedIn(resource) ?? 'services') !== 'services';
