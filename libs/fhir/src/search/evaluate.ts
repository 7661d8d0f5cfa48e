import { dateRange, type DateRange, matchesDate } from '../dates.ts';
import { type FhirResource, isObject } from '../types.ts';
import { searchOf, type SearchParameter } from './definitions.ts';
import {
  each,
  eachString,
  eachToken,
  identifierOf,
  isOfType,
  referenceOf,
  textsOf,
  timeOf,
  unversioned,
} from './extract.ts';
import type { CompositeSearch, QuantitySearch, SearchModifier, SearchValue } from './read-value.ts';
import { fold, foldCode } from './text.ts';
import { COST, type SearchWork } from './work.ts';

/** A condition on one parameter: any of the values. A query has a list of filters, and all of them must hold. */
export interface SearchFilter {
  readonly parameter: SearchParameter;
  readonly modifier?: SearchModifier;
  readonly any: readonly SearchValue[];
}

/** Reads from an element what conditions of one kind compare. */
type Reader = (parameter: SearchParameter, type: string, value: unknown, found: unknown[]) => void;
interface Condition {
  /** Comparisons with each value of a resource. Values that are looked up are one comparison. */
  readonly alternatives: number;
  holds(found: readonly unknown[]): boolean;
}
/** Conditions that compare the same form of a parameter. `found` has the values of the resource at hand. */
interface Reading {
  readonly read: Reader;
  readonly conditions: Condition[];
  readonly found: unknown[];
}
interface Parameter {
  readonly parameter: SearchParameter;
  readonly readings: Reading[];
  readonly take: (type: string, value: unknown) => void;
}

/** The filters of a search, prepared once to be compared with many resources. */
export class Matcher {
  readonly #parameters: Parameter[] = [];
  /** Evaluations for each resource: the alternatives of all conditions. */
  readonly evaluations: number;
  constructor(filters: readonly SearchFilter[]) {
    let evaluations = 0;
    for (const filter of filters) {
      const { readings } = this.#of(filter.parameter);
      const read = readerOf(filter);
      let reading = readings.find((known) => known.read === read);
      if (reading === undefined) readings.push((reading = { read, conditions: [], found: [] }));
      const condition = conditionOf(filter);
      reading.conditions.push(condition);
      evaluations += condition.alternatives;
    }
    this.evaluations = evaluations;
  }
  #of(parameter: SearchParameter): Parameter {
    const known = this.#parameters.find((each) => each.parameter === parameter);
    if (known !== undefined) return known;
    const readings: Reading[] = [];
    const take = (type: string, value: unknown): void => {
      for (const { read, found } of readings) read(parameter, type, value, found);
    };
    const added = { parameter, readings, take };
    this.#parameters.push(added);
    return added;
  }

  /**
   * Whether a resource satisfies all filters of its type. It decides on the resource that a client would see, so that a
   * filter reveals nothing about elements that redaction removes. It reads the values of a parameter once.
   * @throws OverBudget
   */
  matches(resource: FhirResource, work?: SearchWork): boolean {
    work?.evaluate(this.evaluations);
    for (const { parameter, readings, take } of this.#parameters) {
      for (const { found } of readings) found.length = 0;
      if (isOfType(parameter, resource)) each(parameter, resource, take);
      for (const { conditions, found } of readings)
        for (const condition of conditions) {
          work?.count(condition.alternatives * found.length * COST.comparison);
          if (!condition.holds(found)) return false;
        }
    }
    return true;
  }
}

const readToken: Reader = ({ system: implied }, type, value, found) =>
  eachToken(type, value, (system, code) =>
    found.push({
      system,
      named: type === 'code' ? implied : system,
      folded: code === undefined ? undefined : foldCode(code),
    } satisfies FoundToken),
  );
const readString: Reader = (_parameter, type, value, found) =>
  eachString(type, value, (text) => found.push({ text, folded: fold(text) } satisfies FoundString));
const readTime: Reader = (_parameter, type, value, found) => {
  const time = timeOf(type, value);
  if (time !== undefined) found.push(time);
};
const readReference: Reader = (parameter, type, value, found) => {
  const reference = referenceOf(type, value);
  if (reference?.kind === 'text') readUri(parameter, type, reference.text, found);
  if (reference?.kind !== 'literal') return;
  const { base, name } = reference;
  found.push(referenceKey(base, name));
  // A bare id finds it whatever its type is.
  if (parameter.targets === undefined) found.push(referenceKey(base, name.slice(name.indexOf('/'))));
};
const readUri: Reader = (_parameter, _type, value, found) => {
  // A canonical in a search finds each version of it, unless the search names one.
  if (typeof value === 'string') found.push(uriKey(value), uriKey(unversioned(value)));
};
const readAsIs: Reader = (_parameter, _type, value, found) => found.push(value);
const readText: Reader = (_parameter, type, value, found) => found.push(...textsOf(type, value).map(fold));
const readIdentifier: Reader = (parameter, type, value, found) =>
  readToken(parameter, 'Identifier', identifierOf(type, value), found);

const READERS = {
  token: readToken,
  string: readString,
  date: readTime,
  reference: readReference,
  uri: readUri,
  quantity: readAsIs,
  composite: readAsIs,
} satisfies Record<SearchParameter['kind'], Reader>;

function readerOf({ parameter, modifier }: SearchFilter): Reader {
  if (modifier === 'missing') return readAsIs;
  if (modifier === 'text') return readText;
  return modifier === 'identifier' ? readIdentifier : READERS[parameter.kind];
}

interface FoundToken {
  readonly system: string | undefined;
  /** The system that a search may name. */
  readonly named: string | undefined;
  readonly folded: string | undefined;
}
interface FoundString {
  readonly text: string;
  readonly folded: string;
}
type Of<K extends SearchValue['kind']> = SearchValue & { readonly kind: K };
const only = <K extends SearchValue['kind']>(kind: K, any: readonly SearchValue[]): readonly Of<K>[] =>
  any.filter((value): value is Of<K> => value.kind === kind);

function conditionOf({ parameter, modifier, any }: SearchFilter): Condition {
  const condition = positive(parameter, modifier, any);
  return modifier === 'not' ? { ...condition, holds: (found) => !condition.holds(found) } : condition;
}

function positive(
  { kind }: SearchParameter,
  modifier: SearchModifier | undefined,
  any: readonly SearchValue[],
): Condition {
  if (modifier === 'missing') {
    const wanted = only('missing', any);
    return { alternatives: 1, holds: ({ length }) => wanted.some(({ missing }) => missing === (length === 0)) };
  }
  if (modifier === 'text')
    return oneByOne<'string', string>(only('string', any), ({ folded }, text) => text.startsWith(folded));
  if (modifier === 'identifier' || kind === 'token') return ofTokens(only('token', any));
  switch (kind) {
    case 'reference':
      return lookup(only('reference', any).flatMap(referenceKeysOf));
    case 'uri':
      return lookup(only('uri', any).map(({ text }) => uriKey(text)));
    case 'string':
      return oneByOne<'string', FoundString>(only('string', any), (wanted, { text, folded }) => {
        if (modifier === 'exact') return text === wanted.text;
        return modifier === 'contains' ? folded.includes(wanted.folded) : folded.startsWith(wanted.folded);
      });
    case 'date':
      return oneByOne<'date', DateRange>(only('date', any), ({ prefix, range }, time) =>
        matchesDate(prefix, range, time),
      );
    case 'quantity':
      return oneByOne<'quantity', unknown>(only('quantity', any), holdsQuantity);
    case 'composite':
      return oneByOne<'composite', unknown>(only('composite', any), holdsComposite);
  }
}

function oneByOne<K extends SearchValue['kind'], F>(
  any: readonly Of<K>[],
  holds: (wanted: Of<K>, found: F) => boolean,
): Condition {
  return {
    alternatives: any.length,
    holds: (found) => found.some((value) => any.some((wanted) => holds(wanted, value as F))),
  };
}
function lookup(keys: readonly string[]): Condition {
  const wanted = new Set<unknown>(keys);
  return { alternatives: 1, holds: (found) => found.some((key) => wanted.has(key)) };
}

/** A list of different codes costs as much as one code. */
function ofTokens(any: readonly Of<'token'>[]): Condition {
  const systems = new Set(any.flatMap(({ folded, system }) => (folded === undefined ? [system] : [])));
  const codes = Map.groupBy(any, ({ folded }) => folded);
  codes.delete(undefined);
  const holds = ({ system, named, folded }: FoundToken): boolean =>
    (named !== undefined && systems.has(named)) ||
    (folded !== undefined &&
      codes.get(folded)?.some((wanted) => {
        if (wanted.system === undefined) return true;
        return wanted.system === null ? system === undefined : wanted.system === named;
      }) === true);
  return {
    alternatives: Math.max(1, ...[...codes.values()].map(({ length }) => length)),
    holds: (found) => (found as readonly FoundToken[]).some(holds),
  };
}

const uriKey = (uri: string): string => `uri ${uri}`;
const referenceKey = (base: string | undefined, name: string): string => `${base ?? ''} ${name}`;
/** A relative reference names a resource of ours, and so does an absolute one with our base. */
const referenceKeysOf = ({ names, base, foreign, text }: Of<'reference'>): readonly string[] => [
  ...names.flatMap((name) => [referenceKey(base, name), ...(foreign ? [] : [referenceKey(undefined, name)])]),
  ...(text === undefined ? [] : [uriKey(text)]),
];

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

/** Whether an element has the code, and the value as a coding, a boolean, a reference or the identifier of one. */
function holdsComposite({ code, value }: CompositeSearch, element: unknown): boolean {
  if (!isObject(element)) return false;
  const has = (wanted: Of<'token'>, type: string, part: unknown): boolean => {
    const found: unknown[] = [];
    eachToken(type, part, (system, text) =>
      found.push({ system, named: system, folded: text === undefined ? undefined : foldCode(text) }),
    );
    return ofTokens([wanted]).holds(found);
  };
  if (!has(code, 'CodeableConcept', element['code'])) return false;
  const { valueReference } = element;
  if (value.kind === 'token')
    return (
      has(value, 'CodeableConcept', element['valueCodeableConcept']) ||
      has(value, 'boolean', element['valueBoolean']) ||
      has(value, 'Identifier', identifierOf('Reference', valueReference))
    );
  const reference = referenceOf('Reference', valueReference);
  const key = reference?.kind === 'literal' ? referenceKey(reference.base, reference.name) : undefined;
  return key !== undefined && referenceKeysOf(value).includes(key);
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
