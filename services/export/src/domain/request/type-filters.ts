import {
  isServedType,
  KNOWN_R4_TYPES,
  Matcher,
  MOST_EVALUATIONS,
  parseQuery,
  printable,
  type SearchQuery,
  shapesAnswer,
  splitOr,
} from '@provider-access/fhir';
import { type Given, type GivenParameter, refusal } from './given.ts';

/** A search on one type. A resource of the type is exported if one of the searches on it finds the resource. */
export interface TypeFilter {
  readonly type: string;
  readonly conditions: readonly (readonly [name: string, value: string])[];
}
export interface FilterContext {
  /** The types that are exported. */
  readonly types: readonly string[];
  readonly inScope: (type: string) => boolean;
  /** The absolute base of our FHIR resources. */
  readonly base: string;
  /** The parameters on the URL, which were decoded once. */
  readonly url: readonly GivenParameter[];
}

const NAME = '_typeFilter';
/** Values of all filters of a request, and characters. */
const MOST_VALUES = 10_000;
const MOST_CHARACTERS = 1_000_000;
/** Conditions of all filters of a type, for each resource: a search compares its conditions with a thousand of them. */
export const MOST_CONDITIONS = MOST_EVALUATIONS / 1000;

const bad = (kind: 'invalid-value' | 'not-supported' | 'over-budget' | 'insufficient-scope', text: string) =>
  refusal(kind, NAME, `${NAME} ${text}`);

/** @throws Refusal that names the filter and its parameter */
export function readTypeFilters(given: Given, context: FilterContext): readonly TypeFilter[] | undefined {
  if (!given.names().has(NAME)) return undefined;
  const isOnUrl = context.url.some(({ name }) => name === NAME);
  const values = given.values(NAME);
  if (values.reduce((sum, { length }) => sum + length, 0) > MOST_CHARACTERS)
    throw bad('over-budget', `has more than ${MOST_CHARACTERS} characters.`);
  const filters = values.flatMap((value) => splitFilters(isOnUrl ? value : decodedOnce(value))).map(readFilter);
  const count = filters
    .flatMap(({ conditions }) => conditions)
    .reduce((sum, [, value]) => sum + splitOr(value).length, 0);
  if (count > MOST_VALUES) throw bad('over-budget', `has more than ${MOST_VALUES} values.`);
  const evaluations = new Map<string, number>();
  for (const filter of filters) {
    const { type } = filter;
    const { filters: conditions, updated, ids, patients } = checked(filter, context);
    const lookups = [ids, patients].filter((each) => each !== undefined).length;
    const sum = (evaluations.get(type) ?? 0) + new Matcher(conditions).evaluations + updated.length + lookups;
    if (sum > MOST_CONDITIONS)
      throw bad('over-budget', `compares each ${type} with more than ${MOST_CONDITIONS} conditions.`);
    evaluations.set(type, sum);
  }
  return filters;
}

/** Some clients encode the whole filter, also in a body. */
function decodedOnce(value: string): string {
  return value.includes('?') || !/%3F/i.test(value) ? value : decoded(value);
}
function decoded(text: string): string {
  try {
    return decodeURIComponent(text);
  } catch {
    throw bad('invalid-value', 'has a % that starts no encoded character.');
  }
}

/** A comma starts another filter only in front of `Type?`, because values have commas too. */
function splitFilters(value: string): readonly string[] {
  const found: string[] = [];
  let from = 0;
  for (const { 1: type, index } of value.matchAll(/(?<!\\),([A-Z][A-Za-z]{1,60})\?/g)) {
    if (!KNOWN_R4_TYPES.has(type!)) continue;
    found.push(value.slice(from, index));
    from = index + 1;
  }
  return [...found, value.slice(from)];
}

function readFilter(text: string): TypeFilter {
  const [, type, query] = /^([A-Z][A-Za-z]{1,60})\?(.*)$/s.exec(text) ?? [];
  if (type === undefined || query === undefined)
    throw bad('invalid-value', 'must be a search on a type, such as Observation?category=vital-signs.');
  const conditions = query
    .split('&')
    .filter((part) => part !== '')
    .map((part): readonly [string, string] => {
      const at = part.indexOf('=');
      return at < 0 ? [decoded(part), ''] : [decoded(part.slice(0, at)), decoded(part.slice(at + 1))];
    });
  if (conditions.length === 0) throw bad('invalid-value', `${printable(type)} has no condition.`);
  return { type, conditions };
}

function checked(filter: TypeFilter, { types, inScope, base }: FilterContext): SearchQuery {
  const { type, conditions } = filter;
  if (!KNOWN_R4_TYPES.has(type)) throw bad('invalid-value', 'names something that is not an R4 resource type.');
  if (!isServedType(type)) throw bad('invalid-value', `${type}: this server does not export the type.`);
  if (!inScope(type)) throw bad('insufficient-scope', `${type}: the access token does not cover the type.`);
  if (!types.includes(type)) throw bad('invalid-value', `${type}: the type is not among those that are exported.`);
  for (const [key] of conditions) {
    const [name = ''] = key.split(':');
    // Bulk Data: what shapes a Bundle has no meaning in a file.
    if (shapesAnswer(name)) throw bad('not-supported', `${type}: ${name} shapes an answer and selects nothing.`);
    if (name === '_has' || key.includes('.'))
      throw bad('not-supported', `${type}: ${printable(key)} looks into other resources, which a filter does not.`);
  }
  const parsed = parseFilter(filter, base);
  const issue = parsed.ok ? parsed.query.ignored[0] : parsed.issue;
  if (issue !== undefined) {
    const kind =
      issue.code === 'too-costly' ? 'over-budget' : issue.code === 'value' ? 'invalid-value' : 'not-supported';
    throw bad(kind, `${type}: ${issue.details?.text ?? ''}.`);
  }
  if (!parsed.ok) throw bad('invalid-value', `${type} cannot be read.`);
  return parsed.query;
}

/** The filter as a search of reads. */
export const parseFilter = ({ type, conditions }: TypeFilter, base: string) =>
  parseQuery(type, new URLSearchParams(conditions.map(([name, value]): [string, string] => [name, value])), {
    base,
    lenient: false,
  });
