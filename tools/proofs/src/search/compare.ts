import {
  eachValue,
  exactKeys,
  type FhirResource,
  indexKeys,
  isOfType,
  keyConditions,
  type KeyRange,
  keyRanges,
  Matcher,
  parseQuery,
  SEARCH,
  type SearchFilter,
  type SearchParameter,
} from '@provider-access/fhir';
import { BASE, type Random, randomCondition, satisfies, valuesOf } from '@provider-access/testing/search';

/**
 * Parameters that become filters. The parser turns the others into lists of ids, members and times. Only Group has a
 * composite parameter, and the spec of its search has a table of what that finds.
 */
export const FILTERS = Object.values(SEARCH).flatMap(({ type, parameters }) =>
  parameters
    .filter(({ name, owner, kind }) => !['_id', '_lastUpdated'].includes(name) && !owner && kind !== 'composite')
    .map((parameter) => ({ type, parameter })),
);

/** As SQLite and MongoDB compare text: by the bytes of UTF-8. */
export function holdsKey(ranges: readonly KeyRange[], keys: readonly string[]): boolean {
  const bytes = (text: string) => Buffer.from(text, 'utf8');
  return keys.some((key) =>
    ranges.some((range) =>
      'key' in range
        ? bytes(range.key).equals(bytes(key))
        : bytes(range.gte).compare(bytes(key)) <= 0 && bytes(key).compare(bytes(range.lt)) < 0,
    ),
  );
}

/** Whether a resource satisfies one filter of its type. */
export const matches = (filter: SearchFilter, resource: FhirResource): boolean =>
  new Matcher([filter]).matches(resource);

/** The values that a search parameter reads from a resource. */
export function extract(
  parameter: SearchParameter,
  resource: FhirResource,
): readonly { readonly type: string; readonly value: unknown }[] {
  const values: { type: string; value: unknown }[] = [];
  if (isOfType(parameter, resource)) eachValue(parameter, resource, (type, value) => values.push({ type, value }));
  return values;
}

export function filterOf(type: string, key: string, value: string): SearchFilter {
  const parsed = parseQuery(type, new URLSearchParams([[key, value]]), { base: BASE, lenient: false });
  if (!parsed.ok) throw new Error(`${type}?${key}=${value}: ${JSON.stringify(parsed.issue)}`);
  return parsed.query.filters[0]!;
}

/** How the values that we read differ from those that the FHIRPath engine reads; undefined if they do not. */
export function extractionFault(parameter: SearchParameter, resource: FhirResource): string | undefined {
  // The union of FHIRPath keeps each value once.
  const ours = [...new Set(extract(parameter, resource).map(({ value }) => JSON.stringify(value)))].toSorted();
  const theirs = [...new Set(valuesOf(parameter, resource).map((value) => JSON.stringify(value)))].toSorted();
  const [left, right] = [ours.join(), theirs.join()];
  return left === right ? undefined : `${parameter.path} of ${resource.id}: ${left} and not ${right}`;
}

export interface Comparison {
  readonly answers: number;
  readonly found: number;
  /** Queries that the index can answer. */
  readonly indexed: number;
  /** Queries that the index answers without a look into the resources. */
  readonly exact: number;
}

/**
 * Whether keys alone say of a resource what the rules of FHIR say of it.
 * @returns undefined if they leave it open
 */
function byKeysAlone(filters: readonly SearchFilter[], resource: FhirResource): boolean | undefined {
  const exact = exactKeys(filters);
  const keys = indexKeys(resource);
  if (exact === undefined || exact.unsure.some((key) => keys.includes(key))) return undefined;
  return exact.all.every((ranges) => holdsKey(ranges, keys));
}

/**
 * Asks random queries about three resources each, of which one gave the values of the query.
 * @throws Error if the rules of FHIR find another answer, if the index has no key for a resource that is found, also by
 * a second condition, or if keys that count as exact find another answer
 */
export function compare(
  random: Random,
  poolOf: (type: string) => readonly FhirResource[],
  queries: number,
): Comparison {
  const askable = FILTERS.filter(({ type }) => poolOf(type).length > 0);
  const byType = Map.groupBy(FILTERS, ({ type }) => type);
  const byKind = [...Map.groupBy(askable, ({ parameter }) => parameter.kind).values()];
  let [answers, found, indexed, exact] = [0, 0, 0, 0];
  for (let at = 0; at < queries; at++) {
    const { type, parameter } = random.one(random.one(byKind));
    const pool = poolOf(type);
    const source = random.one(pool);
    const { condition, key, value } = randomCondition(random, parameter, source);
    const filter = filterOf(type, key, value);
    const ranges = keyRanges(filter);
    if (ranges !== undefined) indexed += 1;
    if (exactKeys([filter]) !== undefined) exact += 1;
    for (const resource of [source, random.one(pool), random.one(pool)]) {
      const expected = satisfies(condition, resource, BASE);
      const what = () => `${type}?${key}=${value} on ${JSON.stringify(extract(parameter, resource))}`;
      if (matches(filter, resource) !== expected) throw new Error(`${what()} should be ${expected}`);
      if (expected && ranges !== undefined && !holdsKey(ranges, indexKeys(resource)))
        throw new Error(`no key for ${what()}: ${JSON.stringify(ranges)}`);
      if ((byKeysAlone([filter], resource) ?? expected) !== expected) throw new Error(`${what()} is not exact in keys`);
      answers += 1;
      if (expected) found += 1;
    }
    const another = random.chance(0.5) ? parameter : random.one(byType.get(type)!).parameter;
    const more = randomCondition(random, another, source);
    const both = [filter, filterOf(type, more.key, more.value)];
    const expected = both.every((each) => matches(each, source));
    if ((byKeysAlone(both, source) ?? expected) !== expected)
      throw new Error(`${type}?${key}=${value}&${more.key}=${more.value} is not exact in keys`);
    if (!expected) continue;
    const keys = indexKeys(source);
    if (!keyConditions(both).every((each) => holdsKey(each, keys)))
      throw new Error(`no key for ${type}?${key}=${value}&${more.key}=${more.value} on ${JSON.stringify(source)}`);
  }
  return { answers, found, indexed, exact };
}
