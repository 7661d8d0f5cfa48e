import { describe, expect, it } from 'vitest';

import { satisfies, valuesOf } from '../../../test/search/oracle.ts';
import { randomCondition } from '../../../test/search/queries.ts';
import { BASE, cases, damaged, Random, randomResource, seed } from '../../../test/search/random.ts';
import type { FhirResource } from '../types.ts';
import { SEARCH } from './definitions.ts';
import { dateOf, matches, referencesIn, type SearchFilter } from './evaluate.ts';
import { extract } from './extract.ts';
import { indexKeys, type KeyRange, keyRanges } from './keys.ts';
import { parseQuery } from './query.ts';
import { subsetOf } from './subset.ts';

const definitions = Object.values(SEARCH);
const own = definitions.flatMap(({ type, parameters }) =>
  parameters
    .filter(({ name, chains }) => !['_id', '_lastUpdated'].includes(name) && chains === undefined)
    .map((parameter) => ({ type, parameter })),
);

const byKind = Map.groupBy(own, ({ parameter }) => parameter.kind);
const kinds = ['token', 'token', 'reference', 'date', 'date', 'string', 'quantity', 'uri'] as const;

/** As SQLite and MongoDB compare text: by the bytes of UTF-8. */
function holdsKey(ranges: readonly KeyRange[], keys: readonly string[]): boolean {
  const bytes = (text: string) => Buffer.from(text, 'utf8');
  return keys.some((key) =>
    ranges.some((range) =>
      'key' in range
        ? bytes(range.key).equals(bytes(key))
        : bytes(range.gte).compare(bytes(key)) <= 0 && bytes(key).compare(bytes(range.lt)) < 0,
    ),
  );
}

function filterOf(type: string, key: string, value: string): SearchFilter {
  const parsed = parseQuery(type, new URLSearchParams([[key, value]]), { base: BASE, lenient: false });
  if (!parsed.ok) throw new Error(`${type}?${key}=${value}: ${JSON.stringify(parsed.issue)}`);
  return parsed.query.filters[0]!;
}

/** Resources of a type that share values, so that a search finds some of them and not all. */
const pools = new Map<string, FhirResource[]>();
const random = new Random(seed);
function poolOf(type: string): FhirResource[] {
  const known = pools.get(type) ?? Array.from({ length: 12 }, () => randomResource(random, type));
  pools.set(type, known);
  return known;
}

describe('each parameter of the table', () => {
  it.each(own.map(({ type, parameter }) => [`${type}.${parameter.name}`, type, parameter] as const))(
    '%s reads what the FHIRPath engine of HL7 reads',
    (_name, type, parameter) => {
      for (const resource of poolOf(type)) {
        // The union of FHIRPath keeps each value once.
        const ours = new Set(extract(parameter, resource).map(({ value }) => JSON.stringify(value)));
        expect(ours).toEqual(new Set(valuesOf(parameter, resource).map((value) => JSON.stringify(value))));
      }
    },
  );
});

describe('random queries', () => {
  it('find the same resources as the rules of FHIR, and the index has a key for each of them', () => {
    let found = 0;
    let asked = 0;
    let indexed = 0;
    for (let at = 0; at < cases(10_000); at++) {
      const { type, parameter } = random.one(byKind.get(random.one(kinds))!);
      const pool = poolOf(type);
      const source = random.one(pool);
      const { condition, key, value } = randomCondition(random, parameter, source);
      const filter = filterOf(type, key, value);
      const ranges = keyRanges(filter);
      if (ranges !== undefined) indexed += 1;
      for (const resource of [source, random.one(pool), random.one(pool)]) {
        const expected = satisfies(condition, resource, BASE);
        const what = () => `${type}?${key}=${value} on ${JSON.stringify(extract(parameter, resource))}`;
        if (matches(filter, resource) !== expected) expect.fail(`${what()} should be ${expected}`);
        if (expected && ranges !== undefined && !holdsKey(ranges, indexKeys(resource)))
          expect.fail(`no key for ${what()}: ${JSON.stringify(ranges)}`);
        asked += 1;
        if (expected) found += 1;
      }
    }
    process.stderr.write(`${asked} answers, ${found} of them found; ${indexed} queries have ranges\n`);
    expect(found / asked).toBeGreaterThan(0.2);
    expect(found / asked).toBeLessThan(0.8);
  });
});

describe('the index', () => {
  it('finds a resource by any of many values, for which it has one key', () => {
    const target = Array.from({ length: 500 }, (_none, at) => ({ reference: `Observation/o${at}` }));
    const provenance = { resourceType: 'Provenance', target };
    expect(indexKeys(provenance)).toEqual(['target!']);
    const ranges = keyRanges(filterOf('Provenance', 'target', 'Observation/o499'));
    expect(holdsKey(ranges!, indexKeys(provenance))).toBe(true);
  });

  it.each([
    ['x'.repeat(300), 'x'.repeat(200)],
    ['x'.repeat(300), 'x'.repeat(123)],
    [`${'x'.repeat(122)}\u{1f600}yz`, `${'x'.repeat(122)}\u{1f600}y`],
    [`${'x'.repeat(121)}\u{1f600}yz`, `${'x'.repeat(121)}\u{1f600}y`],
    ['a\u{10ffff}b', 'a\u{10ffff}'],
    ['a\ud7ffb', 'a\ud7ff'],
  ])('finds long and rare texts by their beginning', (name, value) => {
    const organization = { resourceType: 'Organization', name };
    const filter = filterOf('Organization', 'name', value);
    expect(matches(filter, organization)).toBe(true);
    expect(holdsKey(keyRanges(filter)!, indexKeys(organization))).toBe(true);
  });

  it('keeps a value of a client inside its range', () => {
    const keys = indexKeys({ resourceType: 'Organization', name: 'a', address: [{ city: 'b' }] });
    for (const value of ['a=', 'name=', '!', 'address=b', '}', '\u{10ffff}'])
      expect(holdsKey(keyRanges(filterOf('Organization', 'name', value))!, keys)).toBe(false);
  });

  it('has no keys of a parameter whose codes are few', () => {
    expect(own.filter(({ parameter }) => parameter.indexed && parameter.system !== undefined)).toEqual([]);
  });
});

describe('odd resources', () => {
  it('break no reader, and their keys stay short and few', () => {
    for (let at = 0; at < cases(1_000); at++) {
      const { type, parameters, sorts } = random.one(definitions);
      const resource = damaged(random, randomResource(random, type)) as FhirResource;
      if (typeof resource !== 'object' || resource === null || Array.isArray(resource)) continue;
      const keys = indexKeys(resource);
      expect(keys.every((key) => key.length <= 128)).toBe(true);
      expect(new Set(keys).size).toBe(keys.length);
      for (const parameter of parameters) {
        expect(() => extract(parameter, resource)).not.toThrow();
        if (sorts.includes(parameter.name) && parameter.kind === 'date') dateOf(parameter, resource);
        if (parameter.chains !== undefined || ['_id', '_lastUpdated'].includes(parameter.name)) continue;
        const { key, value } = randomCondition(random, parameter, poolOf(type)[0]!);
        const filter = filterOf(type, key, value);
        const ranges = keyRanges(filter);
        if (matches(filter, resource) && ranges !== undefined) expect(holdsKey(ranges, keys)).toBe(true);
      }
      referencesIn(type, '*', resource);
      for (const summary of ['true', 'text', 'data'] as const) subsetOf(resource, { summary });
    }
  });
});
