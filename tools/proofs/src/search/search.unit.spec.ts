import { describe, expect, it } from 'vitest';

import {
  dateOf,
  exactKeys,
  type FhirResource,
  indexKeys,
  keyConditions,
  keyRanges,
  KNOWN_R4_TYPES,
  referencesIn,
  SEARCH,
  type SearchFilter,
  subsetOf,
} from '@provider-access/fhir';
import { cases, damaged, Random, randomCondition, randomResource, seed } from '@provider-access/testing/search';
import { compare, extract, extractionFault, filterOf, FILTERS, holdsKey, matches } from './compare.ts';

const HOUR = 3_600_000;

/** Resources of a type that share values, so that a search finds some of them and not all. */
const pools = new Map<string, FhirResource[]>();
const random = new Random(seed);
function poolOf(type: string): FhirResource[] {
  const known = pools.get(type) ?? Array.from({ length: 12 }, () => randomResource(random, type));
  pools.set(type, known);
  return known;
}

describe('each parameter of the table', () => {
  it.each(FILTERS.map(({ type, parameter }) => [`${type}.${parameter.name}`, type, parameter] as const))(
    '%s reads what the FHIRPath engine of HL7 reads',
    (_name, type, parameter) => {
      for (const resource of poolOf(type)) expect(extractionFault(parameter, resource)).toBeUndefined();
    },
  );
});

describe('random queries', () => {
  it('find the same resources as the rules of FHIR, and the index has a key for each of them', () => {
    const { answers, found, indexed, exact } = compare(random, poolOf, cases(10_000));
    process.stderr.write(`${answers} answers, ${found} found; ${indexed} queries have ranges, ${exact} are exact\n`);
    expect(exact / indexed).toBeGreaterThan(0.2);
    expect(found / answers).toBeGreaterThan(0.2);
    expect(found / answers).toBeLessThan(0.8);
  });
});

describe('the index', () => {
  it('finds a resource by any of many values, for which it has one key', () => {
    const target = Array.from({ length: 500 }, (_none, at) => ({ reference: `Observation/o${at}` }));
    const provenance = { resourceType: 'Provenance', target };
    expect(indexKeys(provenance)).toEqual(['t!']);
    const ranges = keyRanges(filterOf('Provenance', 'target', 'Observation/o499'));
    expect(holdsKey(ranges!, indexKeys(provenance))).toBe(true);
  });

  it.each([
    ['x'.repeat(300), 'x'.repeat(200)],
    ['x'.repeat(300), 'x'.repeat(126)],
    [`${'x'.repeat(125)}\u{1f600}yz`, `${'x'.repeat(125)}\u{1f600}y`],
    [`${'x'.repeat(124)}\u{1f600}yz`, `${'x'.repeat(124)}\u{1f600}y`],
    ['a\u{10ffff}b', 'a\u{10ffff}'],
    ['a\ud7ffb', 'a\ud7ff'],
  ])('finds long and rare texts by their beginning', (name, value) => {
    const organization = { resourceType: 'Organization', name };
    const filter = filterOf('Organization', 'name', value);
    expect(matches(filter, organization)).toBe(true);
    expect(holdsKey(keyRanges(filter)!, indexKeys(organization))).toBe(true);
  });

  it.each([
    ['identifier', 'urn:s|1', true],
    ['identifier', '1', true],
    ['identifier', 'a\\|b', true],
    ['identifier', 'urn:s|', false],
    ['identifier', '|1', false],
    ['identifier:not', '1', false],
    ['identifier', `urn:s|${'1'.repeat(118)}`, true],
    ['identifier', `urn:s|${'1'.repeat(119)}`, false],
    ['identifier', 'urn:\ufffd|1', false],
    ['family', 'smi', true],
    ['family', 'smi,jon', true],
    ['family', 'x'.repeat(124), true],
    ['family', 'x'.repeat(125), false],
    ['family:exact', 'Smith', false],
    ['family:contains', 'mit', false],
    ['birthdate', '1980-01-01', false],
  ])('Patient?%s=%s is exact in keys: %s', (key, value, expected) => {
    expect(exactKeys([filterOf('Patient', key, value)]) !== undefined).toBe(expected);
  });

  it('is exact for all conditions of a search or for none, and names the keys of resources with many values', () => {
    const [family, born, id] = [
      filterOf('Patient', 'family', 'smi'),
      filterOf('Patient', 'birthdate', '1980-01-01'),
      filterOf('Patient', 'identifier', '1'),
    ];
    expect(exactKeys([])).toBeUndefined();
    expect(exactKeys([family, born])).toBeUndefined();
    expect(exactKeys(Array.from({ length: 9 }, () => family))).toBeUndefined();
    expect(exactKeys([family, id])?.unsure.toSorted()).toEqual(['i!', 'm!']);
    // The condition that fits the fewest resources comes first, as in a search that is not exact.
    expect(exactKeys([family, id])?.all.map(([range]) => JSON.stringify(range).slice(8, 13))).toEqual([
      'i=1|"',
      'm=smi',
    ]);
  });

  it('has a key for each condition of several filters, and looks between two limits of a time', () => {
    let narrowed = 0;
    for (let at = 0; at < cases(3_000); at++) {
      const { type, parameters } = random.one(Object.values(SEARCH));
      const usable = parameters.filter(({ name, indexed }) => indexed && !name.startsWith('_'));
      if (usable.length === 0 || poolOf(type).length === 0) continue;
      const resource = random.one(poolOf(type));
      const [one, other] = [random.one(usable), random.one(usable)];
      const filters = [one, other, one].map((parameter) => {
        const { key, value } = randomCondition(random, parameter, resource);
        return filterOf(type, key, value);
      });
      const conditions = keyConditions(filters);
      if (one.kind === 'date' && conditions.length < filters.length) narrowed += 1;
      if (filters.every((filter) => matches(filter, resource)))
        for (const ranges of conditions) expect(holdsKey(ranges, indexKeys(resource))).toBe(true);
    }
    expect(narrowed).toBeGreaterThan(50);
    const between = keyConditions([
      filterOf('Observation', 'date', 'ge2021-02-01'),
      filterOf('Observation', 'date', 'lt2021-03-01'),
    ]);
    const on = (day: string): boolean =>
      between.every((ranges) => holdsKey(ranges, indexKeys({ resourceType: 'Observation', effectiveDateTime: day })));
    expect(between).toHaveLength(1);
    expect(['2021-01-01', '2021-02-10', '2021-04-01'].map(on)).toEqual([false, true, false]);
    // A goal may have two targets, one behind each limit.
    const targets = ['ge2021-02-01', 'lt2021-03-01'].map((value) => filterOf('Goal', 'target-date', value));
    expect(keyConditions(targets)).toHaveLength(2);
  });

  // 990 bare ids of any type were 144,541 keys: seconds of a standing process, and too much for a query of MongoDB.
  it('leaves out a condition of very many keys, because the search checks each candidate anyway', () => {
    const ids = (number: number): SearchFilter =>
      filterOf('Provenance', 'target', Array.from({ length: number }, (_, i) => `x${i}`).join(','));
    expect(keyConditions([ids(30)]).map(({ length }) => length)).toEqual([1 + 30 * KNOWN_R4_TYPES.size]);
    expect(keyConditions([ids(990)])).toEqual([]);
    expect(ids(990).any.flatMap((value) => (value.kind === 'reference' ? value.names : []))).toHaveLength(990);
    const about = (...targets: string[]): FhirResource => ({
      resourceType: 'Provenance',
      target: targets.map((reference) => ({ reference })),
    });
    expect(matches(ids(990), about('Claim/y', 'Claim/x989'))).toBe(true);
    expect(matches(ids(990), about('Claim/x990', 'https://elsewhere/fhir/Claim/x1'))).toBe(false);
  });

  it('writes instants as texts in the order of the instants, short for a day and for a second', () => {
    const keyOf = (ms: number): string =>
      indexKeys({ resourceType: 'Observation', effectiveInstant: new Date(ms).toISOString() })[0]!;
    const [first, last] = [new Date('0001-01-01').getTime(), Date.UTC(9999, 11, 31, 23, 59, 59, 999)];
    const units = [24 * HOUR, HOUR, 1000, 1];
    const instants = Array.from({ length: 2000 }, () => {
      const unit = random.one(units);
      return Math.floor((first + random.next() * (last - first)) / unit) * unit;
    });
    // Neighbours of the places where a text gets longer or its first digits change.
    for (const ms of [0, 64 * 24 * HOUR, 4096 * 24 * HOUR, 4096 * 1000, 64 * 1000, 999, 1000])
      for (const more of [-24 * HOUR, -1000, -1, 0, 1, 1000, 24 * HOUR]) instants.push(ms + more);
    instants.push(first, last);
    const sorted = [...new Set(instants)].filter((ms) => ms >= first && ms <= last).toSorted((a, b) => a - b);
    const keys = sorted.map(keyOf);
    expect(keys).toEqual([...new Set(keys)].toSorted((a, b) => Buffer.compare(Buffer.from(a), Buffer.from(b))));
    for (const [at, ms] of sorted.entries())
      expect([ms, keys[at]!.length]).toEqual([ms, ms % (24 * HOUR) === 0 ? 7 : ms % 1000 === 0 ? 10 : 12]);
  });

  it('has keys of each parameter that no other parameter of the type has', () => {
    const value = {
      token: 'x',
      string: 'x',
      uri: 'x',
      date: '2024',
      reference: 'Patient/x',
      quantity: '',
      composite: '',
    };
    for (const [type, filters] of Map.groupBy(FILTERS, (filter) => filter.type)) {
      const indexed = filters.map(({ parameter }) => parameter).filter((parameter) => parameter.indexed);
      const starts = indexed.flatMap(({ name, kind }) =>
        [name, ...(kind === 'reference' ? [`${name}:identifier`] : [])].map((key) => {
          const ranges = keyRanges(filterOf(type, key, value[kind]))!;
          expect(ranges[0]).toEqual({ key: expect.stringMatching(/^[^_=:!]!$/) });
          const texts = ranges.slice(1).map((range) => ('key' in range ? range.key : range.gte));
          expect(new Set(texts.map((text) => text.slice(0, 2))).size).toBe(1);
          return texts[0]!.slice(0, 2);
        }),
      );
      expect(new Set(starts).size).toBe(starts.length);
      for (const start of starts) expect(start).toMatch(/^[^_=:!][=:]$/);
    }
  });

  it('finds times of every length by every prefix', () => {
    const values = ['2020', '2020-01', '2020-01-02', '2020-01-02T12:00', '2020-01-02T12:00:00Z'];
    const filters = ['eq', 'ne', 'gt', 'ge', 'lt', 'le', 'sa', 'eb', 'ap'].flatMap((prefix) =>
      values.map((value) => filterOf('Encounter', 'date', prefix + value)),
    );
    const at = (ms: number) => new Date(ms).toISOString();
    let found = 0;
    for (let start = Date.UTC(2020, 0, 1); start < Date.UTC(2020, 0, 4); start += 6 * HOUR)
      for (const hours of [0, 1, 24, 25, 36, 47, 48, 96]) {
        const encounter = { resourceType: 'Encounter', period: { start: at(start), end: at(start + hours * HOUR) } };
        const keys = indexKeys(encounter);
        const missed = filters.filter((filter) => {
          const ranges = matches(filter, encounter) ? keyRanges(filter) : undefined;
          if (ranges !== undefined) found += 1;
          return ranges !== undefined && !holdsKey(ranges, keys);
        });
        expect(missed.map(({ any }) => [any, keys])).toEqual([]);
      }
    expect(found).toBeGreaterThan(1000);
  });

  it('keeps a value of a client inside its range', () => {
    const keys = indexKeys({ resourceType: 'Organization', name: 'a', address: [{ city: 'b' }] });
    for (const value of ['a=', 'name=', '!', 'address=b', '}', '\u{10ffff}'])
      expect(holdsKey(keyRanges(filterOf('Organization', 'name', value))!, keys)).toBe(false);
  });

  it('has no keys of a parameter whose codes are few', () => {
    expect(FILTERS.filter(({ parameter }) => parameter.indexed && parameter.system !== undefined)).toEqual([]);
  });
});

describe('odd resources', () => {
  it('break no reader, and their keys stay short and few', () => {
    for (let at = 0; at < cases(1_000); at++) {
      const { type, parameters, sorts } = random.one(Object.values(SEARCH));
      const resource = damaged(random, randomResource(random, type)) as FhirResource;
      if (typeof resource !== 'object' || resource === null || Array.isArray(resource)) continue;
      const keys = indexKeys(resource);
      expect(keys.every((key) => key.length <= 128)).toBe(true);
      expect(new Set(keys).size).toBe(keys.length);
      for (const parameter of parameters) {
        extract(parameter, resource);
        if (sorts.includes(parameter.name) && parameter.kind === 'date') dateOf(parameter, resource);
        if (parameter.owner === true || ['_id', '_lastUpdated', 'characteristic-value'].includes(parameter.name))
          continue;
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
