import { addCounts, type Counts } from '@provider-access/events';
import { type FhirResource, isObject, KNOWN_R4_TYPES, parseReference, PATIENT_ELEMENT } from '@provider-access/fhir';
import { identifierKey, type Persons } from '@provider-access/domain/pdex/labels';
import { BINARY_ID, binaryIn } from './attachments.ts';

/** A resource inside another one, at any depth. */
interface Inner {
  readonly resource: FhirResource;
  /** The resource is directly in `contained`, so its id is local to the document and identifies no patient. */
  readonly contained: boolean;
}
/** A Reference at any depth. */
interface ReferenceInside {
  /** Type of the target, from the URL, the condition (`Patient?identifier=`) or `Reference.type`. */
  readonly type: string;
  /** Absent if the reference names no id. */
  readonly id?: string;
  /** The reference has a condition instead of an id. */
  readonly conditional: boolean;
  /** Type of the resource that contains the reference. */
  readonly holder: string;
  /** Path of elements inside that resource, without indexes. */
  readonly path: string;
  /** The containing resource is itself inside another resource. */
  readonly inner: boolean;
}

/** An Attachment at any depth that has a URL instead of its content. */
interface UrlInside {
  readonly url: string;
  /** The path of elements without indexes: `DocumentReference.content.attachment`. */
  readonly path: string;
}

export interface Inside {
  readonly resources: readonly Inner[];
  readonly references: readonly ReferenceInside[];
  readonly urls: readonly UrlInside[];
  /** Identifiers of the Patients and Persons inside, and of references that say whom an inner resource is about. */
  readonly identifiers: readonly unknown[];
}

/** Of a resource without inner resources, attachments with a URL, and references that matter here. */
export const NOTHING_INSIDE: Inside = { resources: [], references: [], urls: [], identifiers: [] };

const CONDITIONAL = /^(?:https?:\/\/[^\s?#]+\/)?([A-Z][A-Za-z]+)\?/;

/** Type and id of the target of a Reference. Undefined for `#id`, for URNs and if no type is named. */
function targetOf(
  reference: Record<string, unknown>,
): Pick<ReferenceInside, 'type' | 'id' | 'conditional'> | undefined {
  const { reference: text, type } = reference;
  if (typeof text === 'string') {
    const parsed = parseReference(text);
    if (parsed.kind === 'literal') return { type: parsed.type, id: parsed.id, conditional: false };
    if (parsed.kind === 'contained') return undefined;
    const conditional = CONDITIONAL.exec(text)?.[1];
    if (conditional !== undefined) return { type: conditional, conditional: true };
  }
  // `type` is an element of many datatypes. It belongs to a Reference only beside a reference or an identifier.
  const isReference = typeof text === 'string' || isObject(reference['identifier']);
  return isReference && typeof type === 'string' ? { type, conditional: false } : undefined;
}

/**
 * Collects all inner resources at any depth (in `contained`, a Bundle or Parameters), and all References. Any object
 * with a `resourceType` counts as a resource. The resource must be validated before, which bounds its depth.
 */
export function insideOf(resource: FhirResource): Inside {
  const found: Collected = { resources: [], references: [], urls: [], identifiers: [] };
  collect(resource, resource.resourceType, '', 'outermost', found);
  return found;
}

/** Types that describe a person by identifiers. A RelatedPerson is a relative of the member, who may be one too. */
const IDENTIFIED: ReadonlySet<unknown> = new Set(['Patient', 'Person']);
/** Elements that say whom a resource is about. */
const ABOUT = /(?:^|\.)(?:subject|patient|beneficiary|for|candidate|focus|target|actor|entity|valueReference)$/;
/** Whether a reference may be one to a Patient. A type that R4 does not have says nothing. */
const mayBePatient = (type: unknown): boolean => type === 'Patient' || !KNOWN_R4_TYPES.has(type as string);

const EXTENSION = /(?:^|\.)(?:modifierE|e)xtension$/;

type Level = 'outermost' | 'outer' | 'inner';
type Collected = { readonly [List in keyof Inside]: Inside[List][number][] };
function collect(value: unknown, holder: string, path: string, level: Level, found: Collected): void {
  if (Array.isArray(value)) {
    for (const item of value as unknown[]) collect(item, holder, path, level, found);
    return;
  }
  if (!isObject(value)) return;
  const nested = level !== 'outermost' && typeof value['resourceType'] === 'string';
  if (nested) {
    found.resources.push({ resource: value as FhirResource, contained: path === 'contained' });
    if (IDENTIFIED.has(value['resourceType']))
      found.identifiers.push(...([value['identifier'] ?? []].flat() as unknown[]));
  } else if (level === 'inner' && ABOUT.test(path) && mayBePatient(value['type'])) {
    // A logical reference: `{ "identifier": { … } }`.
    found.identifiers.push(value['identifier']);
  }
  const own = nested ? (value['resourceType'] as string) : holder;
  const here = nested ? '' : path;
  const below = nested || level === 'inner' ? 'inner' : 'outer';
  // Most objects are no Reference, and looking for what an object does not have is slow.
  let mayRefer = false;
  let hasUrl = false;
  for (const name in value) {
    const child = value[name];
    if (typeof child === 'object') collect(child, own, here === '' ? name : `${here}.${name}`, below, found);
    else if (name === 'reference' || name === 'type') mayRefer = true;
    else if (name === 'url') hasUrl = true;
  }
  // Below a resource, only Extensions and Attachments have a `url`.
  if (hasUrl && here !== '' && !EXTENSION.test(here) && value['data'] === undefined)
    found.urls.push({ url: String(value['url']), path: `${own}.${here}` });
  const target = mayRefer ? targetOf(value) : undefined;
  if (target !== undefined) found.references.push({ ...target, holder: own, path: here, inner: below === 'inner' });
}

/** Types of the directory, of products, and value sets of forms, which a shared resource may contain. */
const SHAREABLE: ReadonlySet<string> = new Set([
  'Device',
  'DeviceDefinition',
  'Endpoint',
  'HealthcareService',
  'Location',
  'Medication',
  'Organization',
  'OrganizationAffiliation',
  'Practitioner',
  'PractitionerRole',
  'Substance',
  'ValueSet',
]);
/** Types that belong to a patient. */
const OF_PATIENTS: ReadonlySet<string> = new Set([
  'Patient',
  'Person',
  ...Object.keys(PATIENT_ELEMENT).filter((type) => type !== 'Device'),
]);

/** Why a shared resource contains data of a patient; undefined if it does not. The text names types, never values. */
export function patientIn({ resources, references }: Inside): string | undefined {
  const inner = resources.find((i) => !SHAREABLE.has(i.resource.resourceType));
  if (inner !== undefined)
    return `it contains a resource of a type that only members have (allowed are ${[...SHAREABLE].join(', ')})`;
  const named = references.find(({ type }) => OF_PATIENTS.has(type));
  return named === undefined ? undefined : 'it names a patient, or a resource of one';
}

/** Elements of inner resources that may refer to another person than the patient. */
const OTHER_PERSONS: ReadonlySet<string> = new Set([
  'Coverage.payor',
  'Coverage.policyHolder',
  'Coverage.subscriber',
  'Claim.payee.party',
  'ExplanationOfBenefit.payee.party',
  'Patient.link.other',
]);

/** Whether an inner resource is about another person, or does not show that it is about the member. */
export function isAboutAnother({ resources, references }: Inside, member: string): boolean {
  const patients = resources.filter(
    ({ resource: { resourceType }, contained }) => resourceType === 'Patient' && !contained,
  );
  if (patients.some(({ resource: { id } }) => id !== member)) return true;
  return references.some(
    ({ type, id, conditional, holder, path, inner }) =>
      inner &&
      type === 'Patient' &&
      (conditional || (id !== undefined && id !== member)) &&
      !OTHER_PERSONS.has(`${holder}.${path}`),
  );
}

const NO_PERSONS: Persons = { ids: [], identifiers: [] };
/**
 * The persons inside, apart from the member. `contained` ids are local to the document, but one that is the id of
 * another member tells whose data it is (ADR 0057).
 */
export function personsIn({ resources, identifiers }: Inside, member: string): Persons {
  if (resources.length + identifiers.length === 0) return NO_PERSONS;
  const ids = resources.flatMap(({ resource: { resourceType, id } }) =>
    resourceType === 'Patient' && id !== undefined && id !== member ? [id] : [],
  );
  const keys = identifiers.flatMap((identifier) => identifierKey(identifier) ?? []);
  return { ids: [...new Set(ids)], identifiers: [...new Set(keys)] };
}

/**
 * Counts conditional references, which no client can follow, by path and type (`Encounter.participant.individual ->
 * Practitioner`).
 */
export function conditionalsIn({ references }: Inside): Counts {
  const counts: Record<string, number> = {};
  for (const { holder, path, type, conditional } of references)
    if (conditional) addCounts(counts, { [`${holder}.${path} -> ${KNOWN_R4_TYPES.has(type) ? type : '?'}`]: 1 });
  return counts;
}

/** An attachment whose URL is one of ours: its name in counts, and the id of the Binary. */
export interface OwnUrl {
  readonly name: string;
  readonly binary: string;
}

/** A URL that a client can open: it has a scheme, and is no name. */
const ABSOLUTE = /^(?!urn:)[a-z][a-z\d+.-]*:/i;

/**
 * Attachments whose content no client gets from their URL (docs/attachments.md).
 * `lost`: their number by path and type (`DocumentReference.content.attachment -> Binary`): a URL that is relative, a
 * URN, or one of ours that intake never makes. `own`: URLs of ours, whose content may be in the file store.
 */
export function attachmentsIn(
  { urls }: Inside,
  publicUrl: string | undefined,
): { readonly lost: Counts; readonly own: readonly OwnUrl[] } {
  const lost: Record<string, number> = {};
  const own: OwnUrl[] = [];
  for (const { url, path } of urls) {
    const id = publicUrl === undefined ? undefined : binaryIn(publicUrl, url);
    const name = `${path} -> ${id !== undefined || /(?:^|\/)Binary\//.test(url) ? 'Binary' : '?'}`;
    if (id !== undefined && BINARY_ID.test(id)) own.push({ name, binary: id });
    else if (id !== undefined || !ABSOLUTE.test(url)) addCounts(lost, { [name]: 1 });
  }
  return { lost, own };
}
