import { type FhirResource, isObject, KNOWN_R4_TYPES, SERVED_TYPES, structureOf } from '@provider-access/fhir';
import type { Random } from '@provider-access/testing/search';
import { BASE } from './oracle.ts';

/** Values that the rules of redaction and of references treat in special ways, by datatype. */
const INLINE = 'http://hl7.org/fhir/uv/security-label-ds4p/StructureDefinition/extension-inline-sec-label';
const PDEX = 'http://hl7.org/fhir/us/davinci-pdex/StructureDefinition/';
const TEXTS = [
  'plain',
  'costs $12.50',
  '12 dollars for item 2',
  'paid 12.00. See page 3',
  '5 USD',
  'INR 2.5',
  'F10.20 dependence',
  'a\u2028b',
];
const CODES = [
  'F11.20',
  'h0020',
  '895',
  'a',
  'USD',
  'denialreason',
  'allowedunits',
  'submitted',
  'mg',
  '[USD]',
  '{INR}',
  'R',
  'paymentamount',
];
const URIS = [
  'http://x',
  'http://hl7.org/fhir/sid/icd-10-cm',
  'urn:oid:2.16.840.1.113883.6.285',
  'urn:iso:std:iso:4217',
  'http://unitsofmeasure.org',
  'http://x/currency',
  'http://hl7.org/fhir/us/carin-bb/CodeSystem/C4BBAdjudication',
  'price',
  'number',
  INLINE,
  `${PDEX}extension-reviewAction`,
  `${PDEX}base-ext-when-adjudicated`,
  'http://hl7.org/fhir/StructureDefinition/data-absent-reason',
  'http://hl7.org/fhir/StructureDefinition/rendering-xhtml',
];
const PROFILES = [
  'http://hl7.org/fhir/us/core/StructureDefinition/us-core-patient',
  'http://hl7.org/fhir/us/carin-bb/StructureDefinition/C4BB-ExplanationOfBenefit-Oral|2.1.0',
  'http://hl7.org/fhir/us/carin-bb/StructureDefinition/C4BB-ExplanationOfBenefit-Pharmacy',
  'http://example.org/own',
];
const REFERENCES = [
  'Patient/m1',
  'Patient/m2',
  'Practitioner/p1',
  'Claim/c1/_history/2',
  'Nothing/x',
  '#inner',
  '#gone',
  'urn:uuid:1',
  'Practitioner?identifier=x|1',
  'https://elsewhere.example/fhir/Patient/m1',
  `${BASE}/Organization/o1`,
  'https://elsewhere.example/fhir/Practitioner?identifier=1',
];
const PRIMITIVES: Readonly<Record<string, readonly unknown[]>> = {
  boolean: [true, false],
  integer: [0, -3, 12],
  unsignedInt: [0, 7],
  positiveInt: [1, 9],
  decimal: [0, 12.5, -1],
  string: TEXTS,
  markdown: TEXTS,
  xhtml: ['<div xmlns="http://www.w3.org/1999/xhtml">x</div>', '<div>$5</div>', '<div><script>x</script></div>'],
  code: CODES,
  id: ['a', 'gone', 'b-1'],
  uri: URIS,
  url: ['https://u:p@x.example/y', 'http://x', `${BASE}/Binary/1`],
  canonical: PROFILES,
  oid: ['urn:oid:1.0.4217', 'urn:oid:1.2.3'],
  uuid: ['urn:uuid:c757873d-ec9a-4326-a141-556f43239520'],
  base64Binary: ['aGFsbG8='],
  date: ['2024-01-31', '2012', '2024-05'],
  dateTime: ['2024-01-31T10:00:00Z', '2012-05', '2024-02-29T12:00:00+01:00'],
  instant: ['2024-01-31T10:00:00.123Z'],
  time: ['10:00:00'],
};

/** How likely an optional element is present. Deep structures have few of them. */
const LIKELY = [0.3, 0.25, 0.15, 0.08, 0.05];
const DEEPEST = 7;

/** A structure with random elements, mostly valid R4. */
function structure(random: Random, name: string, depth: number): Record<string, unknown> {
  const found = structureOf(name)!;
  const value: Record<string, unknown> = found.resource ? { resourceType: name } : {};
  const required = new Set(found.required.map(({ anyOf }) => random.one(anyOf)));
  const choices = new Set<string>();
  for (const { name: own, choice } of found.elements.values())
    if (choice !== undefined && required.has(own)) choices.add(choice);
  const elements = [...found.elements.values()];
  // Payers do not keep the order of R4.
  const from = random.chance(0.2) ? random.below(elements.length) : 0;
  for (const element of [...elements.slice(from), ...elements.slice(0, from)]) {
    const { name: own, type, list, choice, primitive } = element;
    const isMust = required.has(own);
    if (!isMust && choice !== undefined && choices.has(choice)) continue;
    const rate = own === 'extension' || own === 'modifierExtension' ? 0.04 : (LIKELY[depth] ?? 0.03);
    if (!isMust && !random.chance(choice === undefined ? rate : rate / 3)) continue;
    if (type === 'Resource' && (depth > 0 || own !== 'contained')) continue;
    if (depth >= DEEPEST && !isMust) continue;
    if (depth >= 2 * DEEPEST) continue;
    if (choice !== undefined) choices.add(choice);
    const codes = element.codes === undefined ? undefined : [...element.codes.all];
    const one = (): unknown => {
      if (type === 'Resource') return inner(random);
      if (type === 'Reference') return reference(random, depth);
      if (codes !== undefined && primitive) return random.one(codes);
      if (codes !== undefined && type === 'CodeableConcept') return { coding: [{ code: random.one(codes) }] };
      return primitive ? random.one(PRIMITIVES[type] ?? ['x']) : filled(random, type, depth + 1);
    };
    value[own] = list ? Array.from({ length: 1 + random.below(2) }, one) : one();
    if (primitive && !list && random.chance(0.03)) value[`_${own}`] = filled(random, 'Element', depth + 1);
  }
  return value;
}

/** A structure that is not empty. */
function filled(random: Random, type: string, depth: number): Record<string, unknown> {
  const value = structure(random, type, depth);
  if (type === 'Extension' && !Object.keys(value).some((name) => name.startsWith('value') || name === 'extension'))
    value['valueString'] = random.one(TEXTS);
  if (Object.keys(value).length === 0) value['id'] = 'e';
  return value;
}

function reference(random: Random, depth: number): Record<string, unknown> {
  const value: Record<string, unknown> = {
    reference: random.one(random.chance(0.7) ? REFERENCES.slice(0, 4) : REFERENCES),
  };
  if (random.chance(0.1)) value['display'] = random.one(TEXTS);
  if (random.chance(0.05)) return { ...filled(random, 'Reference', depth + 1), ...value };
  return random.chance(0.05) ? { type: 'Patient', identifier: { value: '1' } } : value;
}

function inner(random: Random): Record<string, unknown> {
  const type = random.one(['Coverage', 'Claim', 'Patient', 'Practitioner', 'Observation', 'Organization', 'Invoice']);
  const { contained: _none, ...value } = structure(random, type, 2);
  return { ...value, id: random.one(['inner', 'other', 'inner', 'gone']) };
}

const TYPES = [...SERVED_TYPES, 'ExplanationOfBenefit', 'ExplanationOfBenefit', 'Coverage', 'Claim', 'Consent'];

/** A resource whose elements are drawn from R4's definition of its type. */
export function generated(random: Random): FhirResource {
  const type = random.chance(0.03) ? random.one([...KNOWN_R4_TYPES]) : random.one(TYPES);
  const value = structure(random, type, 0);
  if (type === 'ExplanationOfBenefit' || type === 'Claim')
    value['use'] = random.one(['claim', 'preauthorization', 'predetermination']);
  return value as FhirResource;
}

const JUNK: readonly unknown[] = [
  null,
  0,
  '',
  'x',
  true,
  [],
  {},
  [null],
  [[{}]],
  { value: 5, currency: 'USD' },
  { reference: '#gone' },
  { reference: 'Patient?identifier=1' },
  { resourceType: 'Patient', id: 'p' },
  { url: INLINE, valueCoding: { system: 's', code: 'R' } },
  { extension: [{ url: 'http://x', valueMoney: { value: 1 } }] },
  '2024-02-30',
  'paid $5',
  1e308,
  '\ud800',
];
const NAMES = [
  'extension',
  'valueMoney',
  'contained',
  '__proto__',
  'resourceType',
  '_status',
  'url',
  'whatever',
  'constructor',
];

/** The same resource with one to three changes: a value of another kind, a value that is gone, a name or a copy. */
export function mutated(random: Random, resource: FhirResource, other: FhirResource): FhirResource {
  const copy = structuredClone(resource) as unknown as Record<string, unknown>;
  for (let n = 1 + random.below(3); n > 0; n--) {
    const places = placesIn(copy);
    if (places.length === 0) break;
    const place = random.one(places);
    const donor = random.one(placesIn(other as unknown as Record<string, unknown>));
    const parent = place.in as Record<string, unknown>;
    switch (random.below(6)) {
      case 0:
        if (Array.isArray(parent)) parent.splice(Number(place.key), 1);
        else delete parent[place.key];
        break;
      case 1:
        Object.defineProperty(parent, Array.isArray(parent) ? place.key : random.one(NAMES), {
          value: structuredClone(random.one(JUNK)),
          enumerable: true,
          configurable: true,
          writable: true,
        });
        break;
      case 2:
        parent[place.key] = structuredClone(random.one(JUNK));
        break;
      case 3:
        if (isObject(parent)) parent[donor.key] = structuredClone((donor.in as Record<string, unknown>)[donor.key]);
        break;
      case 4: {
        const value = parent[place.key];
        if (Array.isArray(value)) value.push(structuredClone(value[0]));
        else parent[place.key] = [value];
        break;
      }
      default: {
        const value = parent[place.key];
        parent[place.key] =
          typeof value === 'string' ? random.one([...TEXTS, ...CODES, ...URIS, ...REFERENCES]) : value;
      }
    }
  }
  return { ...copy, resourceType: resource.resourceType } as FhirResource;
}

interface Place {
  readonly in: unknown;
  readonly key: string;
}
function placesIn(value: unknown, places: Place[] = []): Place[] {
  if (typeof value !== 'object' || value === null) return places;
  for (const key of Object.keys(value)) {
    places.push({ in: value, key });
    placesIn((value as Record<string, unknown>)[key], places);
  }
  return places;
}
