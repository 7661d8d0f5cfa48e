import { type DateRange, dateRange } from '../dates.ts';
import { parseReference } from '../references.ts';
import { type FhirResource, isObject, KNOWN_R4_TYPES } from '../types.ts';
import { SEARCH, type SearchKind, type SearchParameter } from './definitions.ts';
import { compilePath, isSingular, type Leaf, walk } from './path.ts';

/** Datatypes in which a search of each kind finds values. A path may lead to others, for example performedString. */
const READABLE: Readonly<Record<SearchKind, ReadonlySet<string>>> = {
  token: new Set(
    'CodeableConcept Coding Identifier ContactPoint code boolean string uri url canonical id oid uuid'.split(' '),
  ),
  reference: new Set(['Reference', 'canonical', 'uri']),
  date: new Set(['date', 'dateTime', 'instant', 'Period', 'Timing']),
  string: new Set(['string', 'markdown', 'HumanName', 'Address']),
  quantity: new Set(['Quantity', 'SimpleQuantity', 'Age', 'Duration', 'Count', 'Distance', 'MoneyQuantity']),
  uri: new Set(['uri', 'url', 'canonical', 'oid', 'uuid']),
  // A composite compares parts of one element.
  composite: new Set(['Group.characteristic']),
};

const compiled = new Map<SearchParameter, readonly Leaf[]>();

/**
 * The leaves of a parameter that its kind can read.
 * @throws TypeError if there are none, or if the path cannot be compiled
 */
export function leavesOf(parameter: SearchParameter): readonly Leaf[] {
  const known = compiled.get(parameter);
  if (known !== undefined) return known;
  const leaves = compilePath(parameter.path).filter(({ type }) => READABLE[parameter.kind].has(type));
  if (leaves.length === 0) throw new TypeError(`search path ${parameter.path}: no value of kind ${parameter.kind}`);
  compiled.set(parameter, leaves);
  return leaves;
}
// A wrong row of the table must end the start of a process, and not a search of a client.
for (const { parameters } of Object.values(SEARCH)) parameters.forEach(leavesOf);

/** Whether a resource has at most one value of the parameter. */
export const hasOneValue = (parameter: SearchParameter): boolean => isSingular(leavesOf(parameter));

/** Whether the parameter belongs to the type of the resource. */
export const isOfType = ({ path }: SearchParameter, { resourceType }: FhirResource): boolean =>
  path.startsWith(`${resourceType}.`, path.startsWith('(') ? 1 : 0);

/** Calls `found` with each value that a search parameter reads from a resource of its type. */
export function each(
  parameter: SearchParameter,
  resource: FhirResource,
  found: (type: string, value: unknown) => void,
): void {
  for (const leaf of leavesOf(parameter)) walk(resource, leaf, (value) => found(leaf.type, value));
}

const text = (value: unknown): string | undefined => (typeof value === 'string' ? value : undefined);
const list = (value: unknown): readonly unknown[] =>
  Array.isArray(value) ? value : value === undefined ? [] : [value];

/** Calls `found` with system and code of each coding, identifier, contact point or primitive. */
export function eachToken(
  type: string,
  value: unknown,
  found: (system: string | undefined, code: string | undefined) => void,
): void {
  if (type === 'CodeableConcept') {
    if (isObject(value)) for (const coding of list(value['coding'])) eachToken('Coding', coding, found);
  } else if (type === 'Coding') {
    if (isObject(value)) found(text(value['system']), text(value['code']));
  } else if (type === 'Identifier') {
    if (isObject(value)) found(text(value['system']), text(value['value']));
  } else if (type === 'ContactPoint') {
    if (isObject(value)) found(undefined, text(value['value']));
  } else if (typeof value === 'string' || typeof value === 'boolean') found(undefined, String(value));
}

/** The texts that `:text` compares: of a concept, of its codings, or of the type of an identifier. */
export function textsOf(type: string, value: unknown): readonly string[] {
  if (!isObject(value)) return [];
  const texts: unknown[] = [];
  if (type === 'CodeableConcept') {
    texts.push(value['text']);
    for (const coding of list(value['coding'])) if (isObject(coding)) texts.push(coding['display']);
  } else if (type === 'Coding') texts.push(value['display']);
  else if (type === 'Identifier' && isObject(value['type'])) texts.push(value['type']['text']);
  return texts.filter((each) => typeof each === 'string');
}

const PARTS: Readonly<Record<string, readonly string[]>> = {
  HumanName: ['text', 'family', 'given', 'prefix', 'suffix'],
  Address: ['text', 'line', 'city', 'district', 'state', 'postalCode', 'country'],
};

/** Calls `found` with a string, or with each part of a name or an address. */
export function eachString(type: string, value: unknown, found: (text: string) => void): void {
  if (typeof value === 'string') found(value);
  const parts = PARTS[type];
  if (parts === undefined || !isObject(value)) return;
  for (const part of parts) for (const item of list(value[part])) if (typeof item === 'string') found(item);
}

/** The time that a value covers. A missing end of a Period is open. Undefined if the value says nothing about time. */
export function timeOf(type: string, value: unknown): DateRange | undefined {
  if (typeof value === 'string') return dateRange(value);
  if (!isObject(value)) return undefined;
  if (type === 'Period') return periodOf(value);
  if (type !== 'Timing') return undefined;
  const { event, repeat } = value;
  const times: (DateRange | undefined)[] = list(event).map((each) => timeOf('dateTime', each));
  if (isObject(repeat)) times.push(timeOf('Period', repeat['boundsPeriod']));
  return hull(times);
}

function periodOf({ start, end }: Record<string, unknown>): DateRange | undefined {
  const from = timeOf('dateTime', start);
  const to = timeOf('dateTime', end);
  if (from === undefined) return to === undefined ? undefined : { start: Number.NEGATIVE_INFINITY, end: to.end };
  return to === undefined ? { start: from.start, end: Number.POSITIVE_INFINITY } : hull([from, to]);
}

/** The outer limits. R4 asks for them where a schedule has gaps; they also put a Period in order whose end is first. */
function hull(times: readonly (DateRange | undefined)[]): DateRange | undefined {
  const known = times.filter((time) => time !== undefined);
  if (known.length === 0) return undefined;
  return {
    start: Math.min(...known.map(({ start }) => start)),
    end: Math.max(...known.map(({ end }) => end)),
  };
}

/** `Type/id` of a literal reference, with its base where the reference is absolute; or its text (urn, canonical). */
type ReferenceValue =
  | { readonly kind: 'literal'; readonly base?: string | undefined; readonly name: string }
  | { readonly kind: 'text'; readonly text: string };

/** Versions and contained resources are left out, because a search names a resource of the server. */
export function referenceOf(type: string, value: unknown): ReferenceValue | undefined {
  if (type !== 'Reference') return typeof value === 'string' ? { kind: 'text', text: value } : undefined;
  const reference = isObject(value) ? value['reference'] : undefined;
  if (typeof reference !== 'string' || reference === '') return undefined;
  const parsed = parseReference(reference);
  if (parsed.kind === 'contained') return undefined;
  if (parsed.kind === 'other') return { kind: 'text', text: reference };
  return { kind: 'literal', base: parsed.base, name: `${parsed.type}/${parsed.id}` };
}

/** The identifier that stands beside or instead of a literal reference. */
export const identifierOf = (type: string, value: unknown): unknown =>
  type === 'Reference' && isObject(value) ? value['identifier'] : undefined;

/** Whether a reference of the parameter can be a URI without a resource behind it. */
export const isCanonical = (parameter: SearchParameter): boolean =>
  leavesOf(parameter).some(({ type }) => type !== 'Reference');

/** The types to which a bare id may point. A resource may refer to types that this server does not serve. */
export const targetsOf = ({ targets }: Pick<SearchParameter, 'targets'>): readonly string[] => targets ?? ANY_TYPE;
const ANY_TYPE = [...KNOWN_R4_TYPES];

/** A canonical without its version, because a search without a version finds every version. */
export function unversioned(canonical: string): string {
  const bar = canonical.indexOf('|');
  return bar === -1 ? canonical : canonical.slice(0, bar);
}
