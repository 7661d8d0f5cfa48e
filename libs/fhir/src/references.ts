import { ID_PATTERN, isId } from './primitives.ts';
import { type FhirResource, isObject, KNOWN_R4_TYPES, PATIENT_ELEMENT } from './types.ts';

export type ParsedReference =
  | {
      readonly kind: 'literal';
      /** Of an absolute reference. */
      readonly base?: string;
      readonly type: string;
      readonly id: string;
      readonly version?: string;
    }
  | { readonly kind: 'contained'; readonly id: string }
  | { readonly kind: 'other'; readonly text: string };

const RESTFUL = new RegExp(
  String.raw`^(?:(https?://[^\s?#]+)/)?([A-Z][A-Za-z]+)/(${ID_PATTERN})(?:/_history/(${ID_PATTERN}))?$`,
);

/**
 * Parses `Type/id`, `Type/id/_history/v`, `https://host/base/Type/id` or `#id`. Any other text (urn:uuid, conditional,
 * canonical) is `other`.
 */
export function parseReference(text: string): ParsedReference {
  if (text.startsWith('#')) return { kind: 'contained', id: text.slice(1) };
  // Most references are `Type/id`, and the pattern costs several times as much.
  const slash = text.indexOf('/');
  if (slash > 0) {
    const type = text.slice(0, slash);
    const id = text.slice(slash + 1);
    if (KNOWN_R4_TYPES.has(type) && isId(id)) return { kind: 'literal', type, id };
  }
  const match = RESTFUL.exec(text);
  if (match === null) return { kind: 'other', text };
  const [, base, type = '', id = '', version] = match;
  if (!KNOWN_R4_TYPES.has(type)) return { kind: 'other', text };
  return { kind: 'literal', ...(base !== undefined && { base }), type, id, ...(version !== undefined && { version }) };
}

/** The Patient that a Reference names by a literal reference. */
export function patientReference(value: unknown): { readonly id: string; readonly base?: string } | undefined {
  const [parsed] = Array.isArray(value) ? [] : referencesAt(value);
  return parsed?.kind === 'literal' && parsed.type === 'Patient' ? parsed : undefined;
}

/**
 * The owner of a resource. Only a literal reference counts, because the platform cannot check an `identifier` without
 * `reference`.
 */
export type Owner =
  /** The member, from the type's patient element, or the Patient itself. `base` when the reference was absolute. */
  | { readonly kind: 'patient'; readonly id: string; readonly base?: string }
  /** A Provenance belongs to the owners of its targets. */
  | { readonly kind: 'targets'; readonly targets: readonly ParsedReference[] }
  /** The type belongs to no patient (directory types, Medication). */
  | { readonly kind: 'none' }
  /** The patient element is missing, or holds no `Patient/id`. */
  | { readonly kind: 'unreadable'; readonly element: string };

/** Finds the owner of a resource by the element of its type. A Patient owns itself; a Provenance has targets. */
export function ownerOf(resource: FhirResource): Owner {
  const { resourceType } = resource;
  if (resourceType === 'Patient')
    return typeof resource.id === 'string'
      ? { kind: 'patient', id: resource.id }
      : { kind: 'unreadable', element: 'id' };
  if (resourceType === 'Provenance') return { kind: 'targets', targets: referencesAt(resource['target']) };
  const element = PATIENT_ELEMENT[resourceType];
  if (element === undefined) return { kind: 'none' };
  const patient = resource[element];
  const reference = isObject(patient) ? referenceIn(patient) : referencesAt(patient)[0];
  if (reference?.kind === 'literal' && reference.type === 'Patient')
    return reference.base === undefined
      ? { kind: 'patient', id: reference.id }
      : { kind: 'patient', id: reference.id, base: reference.base };
  return resourceType === 'Device' && resource[element] === undefined
    ? { kind: 'none' }
    : { kind: 'unreadable', element };
}

const referenceIn = ({ reference }: Readonly<Record<string, unknown>>): ParsedReference | undefined =>
  typeof reference === 'string' ? parseReference(reference) : undefined;

/** The texts of a Reference, or of a list of them, parsed. */
function referencesAt(value: unknown): ParsedReference[] {
  const items: unknown[] = Array.isArray(value) ? value : [value];
  return items.flatMap((item) =>
    isObject(item) && typeof item['reference'] === 'string' ? [parseReference(item['reference'])] : [],
  );
}

/**
 * Every `Type/id` of this server that a resource references at any depth, without versions and duplicates, in document
 * order. Contained resources and extensions count.
 * @param base of this server, such as `https://example.org/fhir`. Absolute references with another one point elsewhere
 * and are not listed.
 */
export function referencesOf(resource: FhirResource, base?: string): string[] {
  const found = new Set<string>();
  collect(resource, found, base);
  return [...found];
}

function collect(value: object, found: Set<string>, base: string | undefined): void {
  if (Array.isArray(value)) {
    for (const item of value as unknown[]) if (typeof item === 'object' && item !== null) collect(item, found, base);
    return;
  }
  const fields = value as Record<string, unknown>;
  const { reference } = fields;
  if (typeof reference === 'string') {
    const parsed = parseReference(reference);
    if (parsed.kind === 'literal' && (parsed.base === undefined || parsed.base === base))
      found.add(`${parsed.type}/${parsed.id}`);
  }
  for (const name in fields) {
    const child = fields[name];
    if (typeof child === 'object' && child !== null) collect(child, found, base);
  }
}

/** `Type/id` of the targets of a Provenance, without versions and duplicates; none for another type. */
export function targetsOf(resource: FhirResource): string[] {
  const owner = ownerOf(resource);
  if (owner.kind !== 'targets') return [];
  return [...new Set(owner.targets.flatMap((t) => (t.kind === 'literal' ? [`${t.type}/${t.id}`] : [])))];
}

/**
 * The resources that an answer must bring along: `referencesOf` without the targets of a Provenance. A Provenance
 * describes its targets. A target must be visible by itself, and the Provenance must not bring it along.
 */
export function carriedReferencesOf(resource: FhirResource, base?: string): string[] {
  if (resource.resourceType !== 'Provenance') return referencesOf(resource, base);
  const { target: _about, ...rest } = resource;
  return referencesOf(rest as FhirResource, base);
}
