import { dateRange, type DateRange, matchesDate } from '../dates.ts';
import { type FhirResource, isObject } from '../types.ts';
import { searchOf, type SearchParameter } from './definitions.ts';
import {
  each,
  eachString,
  eachToken,
  extract,
  identifierOf,
  referenceOf,
  textsOf,
  timeOf,
  unversioned,
} from './extract.ts';
import type { QuantitySearch, ReferenceSearch, SearchModifier, SearchValue } from './read-value.ts';
import { fold, foldCode } from './text.ts';

/** A condition on one parameter: any of the values. A query has a list of filters, and all of them must hold. */
export interface SearchFilter {
  readonly parameter: SearchParameter;
  readonly modifier?: SearchModifier;
  readonly any: readonly SearchValue[];
}

/**
 * Whether a resource satisfies a filter of its type. It decides on the resource that a client would see, so that a
 * filter reveals nothing about elements that redaction removes.
 */
export function matches(filter: SearchFilter, resource: FhirResource): boolean {
  const { parameter, modifier, any } = filter;
  const values = extract(parameter, resource);
  if (modifier === 'missing')
    return any.some((wanted) => wanted.kind === 'missing' && wanted.missing === (values.length === 0));
  const found = any.some((wanted) => values.some(({ type, value }) => holds(wanted, modifier, parameter, type, value)));
  return modifier === 'not' ? !found : found;
}

function holds(
  wanted: SearchValue,
  modifier: SearchModifier | undefined,
  parameter: SearchParameter,
  type: string,
  value: unknown,
): boolean {
  switch (wanted.kind) {
    case 'token':
      return modifier === 'identifier'
        ? holdsToken(wanted, undefined, 'Identifier', identifierOf(type, value))
        : holdsToken(wanted, parameter.system, type, value);
    case 'string':
      return modifier === 'text'
        ? textsOf(type, value).some((text) => fold(text).startsWith(wanted.folded))
        : holdsString(wanted, modifier, type, value);
    case 'reference':
      return holdsReference(wanted, type, value);
    case 'date': {
      const time = timeOf(type, value);
      return time !== undefined && matchesDate(wanted.prefix, wanted.range, time);
    }
    case 'quantity':
      return holdsQuantity(wanted, value);
    case 'uri':
      return typeof value === 'string' && sameUri(wanted.text, value);
    case 'missing':
      return false;
  }
}

function holdsToken(
  wanted: SearchValue & { readonly kind: 'token' },
  implied: string | undefined,
  type: string,
  value: unknown,
): boolean {
  let found = false;
  eachToken(type, value, (system, code) => {
    if (wanted.folded !== undefined && (code === undefined || foldCode(code) !== wanted.folded)) return;
    if (wanted.system === undefined) found ||= code !== undefined;
    else if (wanted.system === null) found ||= system === undefined;
    else found ||= wanted.system === (type === 'code' ? implied : system);
  });
  return found;
}

function holdsString(
  wanted: SearchValue & { readonly kind: 'string' },
  modifier: SearchModifier | undefined,
  type: string,
  value: unknown,
): boolean {
  let found = false;
  eachString(type, value, (text) => {
    if (modifier === 'exact') found ||= text === wanted.text;
    else if (modifier === 'contains') found ||= fold(text).includes(wanted.folded);
    else found ||= fold(text).startsWith(wanted.folded);
  });
  return found;
}

function holdsReference(wanted: ReferenceSearch, type: string, value: unknown): boolean {
  const reference = referenceOf(type, value);
  if (reference === undefined) return false;
  if (reference.kind === 'text') return wanted.text !== undefined && sameUri(wanted.text, reference.text);
  if (!wanted.names.includes(reference.name)) return false;
  return reference.base === undefined ? !wanted.foreign : reference.base === wanted.base;
}

/** A canonical in a search finds each version of it, unless the search names one. */
const sameUri = (wanted: string, found: string): boolean => wanted === found || wanted === unversioned(found);

function holdsQuantity({ prefix, number, low, high, system, unit }: QuantitySearch, value: unknown): boolean {
  if (!isObject(value) || typeof value['value'] !== 'number') return false;
  if (system !== undefined && value['system'] !== system) return false;
  if (unit !== undefined && value['code'] !== unit && (system !== undefined || value['unit'] !== unit)) return false;
  const at = value['value'];
  const comparator = value['comparator'];
  // `<5` may be any number below five. Its limit itself counts only for `<=` and `>=`.
  const least = comparator === '<' || comparator === '<=' ? Number.NEGATIVE_INFINITY : at;
  const most = comparator === '>' || comparator === '>=' ? Number.POSITIVE_INFINITY : at;
  const within = least >= low && most < high;
  switch (prefix) {
    case 'eq':
      return within;
    case 'ne':
      return !within;
    case 'gt':
      return most > number;
    case 'ge':
      return comparator === '<' ? most > number : most >= number;
    case 'lt':
      return least < number;
    case 'le':
      return comparator === '>' ? least < number : least <= number;
    case 'sa':
      return comparator === '>' ? least >= number : least > number;
    case 'eb':
      return comparator === '<' ? most <= number : most < number;
    case 'ap': {
      const margin = Math.abs(number) / 10;
      return least <= number + margin && most >= number - margin;
    }
  }
}

/**
 * The instant by which `_sort` orders a resource: the earliest start (ms). A Period without a start counts from the
 * first year that FHIR can write. Undefined if the resource has no such date.
 */
export function dateOf(parameter: SearchParameter, resource: FhirResource): number | undefined {
  let first: number | undefined;
  each(parameter, resource, (type, value) => {
    const start = timeOf(type, value)?.start;
    if (start !== undefined && (first === undefined || start < first)) first = start;
  });
  return first === undefined ? undefined : Math.max(first, EARLIEST.start);
}
const EARLIEST = dateRange('0001') as DateRange;

/**
 * `Type/id` of the resources to which an include of a type leads, without duplicates. `*` means all its includes.
 * @param base absolute references of this server count as relative ones
 */
export function referencesIn(
  type: string,
  parameter: string,
  resource: FhirResource,
  base?: string,
): readonly string[] {
  const definition = searchOf(type);
  if (definition === undefined || resource.resourceType !== type) return [];
  const names = new Set<string>();
  for (const row of definition.parameters) {
    const named =
      parameter === '*'
        ? definition.includes.some((include) => include.parameter === row.name)
        : row.name === parameter;
    if (!named || row.kind !== 'reference') continue;
    each(row, resource, (leaf, value) => {
      const reference = referenceOf(leaf, value);
      if (reference?.kind === 'literal' && (reference.base === undefined || reference.base === base))
        names.add(reference.name);
    });
  }
  return [...names];
}
