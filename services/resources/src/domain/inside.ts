import { addCounts, type Counts } from '@provider-access/events';
import {
  type FhirResource,
  isObject,
  KNOWN_R4_TYPES,
  parseReference,
  PATIENT_ELEMENT,
} from '@provider-access/kernel/fhir';

/** A resource inside another one, at any depth. */
interface Inner {
  readonly resource: FhirResource;
  /** The resource is directly in `contained`: its id is local to the document and names nobody. */
  readonly contained: boolean;
}
/** A Reference at any depth. */
interface ReferenceInside {
  /** Type that the reference leads to, by its URL, its condition (`Patient?identifier=`) or `Reference.type`. */
  readonly type: string;
  /** Absent where the reference names no id. */
  readonly id?: string;
  /** The reference has a condition instead of an id. */
  readonly conditional: boolean;
  /** Type of the resource that holds the reference, and the path of elements from there on, without indexes. */
  readonly holder: string;
  readonly path: string;
  /** The holder is inside another resource. */
  readonly inner: boolean;
}

/** What a resource holds inside: `insideOf`. */
export interface Inside {
  readonly resources: readonly Inner[];
  readonly references: readonly ReferenceInside[];
}

const CONDITIONAL = /^(?:https?:\/\/[^\s?#]+\/)?([A-Z][A-Za-z]+)\?/;

/** Type and id that a Reference leads to; undefined for `#id`, URNs and what names no type. */
function targetOf(
  reference: Record<string, unknown>,
): Pick<ReferenceInside, 'type' | 'id' | 'conditional'> | undefined {
  const { reference: text, type } = reference;
  if (typeof text === 'string') {
    const parsed = parseReference(text);
    if (parsed.kind === 'relative' || parsed.kind === 'absolute')
      return { type: parsed.type, id: parsed.id, conditional: false };
    if (parsed.kind === 'contained') return undefined;
    const conditional = CONDITIONAL.exec(text)?.[1];
    if (conditional !== undefined) return { type: conditional, conditional: true };
  }
  // `type` is an element of many datatypes: only with a reference or an identifier is it that of a Reference.
  const isReference = typeof text === 'string' || isObject(reference['identifier']);
  return isReference && typeof type === 'string' ? { type, conditional: false } : undefined;
}

/**
 * Everything that a resource holds inside: resources in `contained`, in entries of a Bundle and parts of Parameters,
 * and their own, and the References of all of them. An object with a `resourceType` counts as a resource wherever it
 * is. Pure; for resources whose shape was checked, which bounds the depth.
 */
export function insideOf(resource: FhirResource): Inside {
  const resources: Inner[] = [];
  const references: ReferenceInside[] = [];
  interface Place {
    readonly value: unknown;
    readonly holder: string;
    readonly path: string;
    readonly inner: boolean;
  }
  const open: Place[] = [{ value: resource, holder: resource.resourceType, path: '', inner: false }];
  for (let place = open.pop(); place !== undefined; place = open.pop()) {
    const { value, path } = place;
    let { holder, inner } = place;
    if (Array.isArray(value)) {
      for (const item of value as unknown[]) open.push({ ...place, value: item });
      continue;
    }
    if (!isObject(value)) continue;
    const nested = value !== resource && typeof value['resourceType'] === 'string';
    if (nested) {
      resources.push({ resource: value as FhirResource, contained: path === 'contained' });
      holder = value['resourceType'] as string;
      inner = true;
    }
    const target = targetOf(value);
    if (target !== undefined) references.push({ ...target, holder, path: nested ? '' : path, inner });
    for (const [name, child] of Object.entries(value)) {
      if (typeof child === 'object')
        open.push({ value: child, holder, path: nested || path === '' ? name : `${path}.${name}`, inner });
    }
  }
  return { resources, references };
}

/** Types of the directory and of products: what a resource that every client may read can contain. */
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
]);
/** Types that belong to a patient. A Device may belong to nobody. */
const OF_PATIENTS: ReadonlySet<string> = new Set([
  'Patient',
  'Person',
  ...Object.keys(PATIENT_ELEMENT).filter((type) => type !== 'Device'),
]);

/**
 * Why a resource that clients of several members may read carries data of a patient; undefined when it does not. Names
 * types, never values.
 */
export function patientIn({ resources, references }: Inside): string | undefined {
  const inner = resources.find((i) => !SHAREABLE.has(i.resource.resourceType));
  if (inner !== undefined)
    return `it contains a resource of a type that only members have (allowed are ${[...SHAREABLE].join(', ')})`;
  const named = references.find(({ type }) => OF_PATIENTS.has(type));
  return named === undefined ? undefined : 'it names a patient, or a resource of one';
}

/** Elements of inner resources that may name another person than the patient whom the resource is about. */
const OTHER_PERSONS: ReadonlySet<string> = new Set([
  'Coverage.payor',
  'Coverage.policyHolder',
  'Coverage.subscriber',
  'Claim.payee.party',
  'ExplanationOfBenefit.payee.party',
  'Patient.link.other',
]);

/** Whether something inside a member's resource is about another person, or cannot be shown to be about the member. */
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

/**
 * Conditional references, which no reader can follow: how many, by path and type (`Encounter.participant.individual ->
 * Practitioner`).
 */
export function conditionalsIn({ references }: Inside): Counts {
  const counts: Record<string, number> = {};
  for (const { holder, path, type, conditional } of references)
    if (conditional) addCounts(counts, { [`${holder}.${path} -> ${KNOWN_R4_TYPES.has(type) ? type : '?'}`]: 1 });
  return counts;
}
