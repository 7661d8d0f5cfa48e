import { expect, test } from 'vitest';
import { type FhirResource, SERVED_TYPES } from '@provider-access/fhir';
import { lacksOf, profilesOf } from '@provider-access/fhir/profiles';
import { cases, damaged, Random, randomResource, seed } from '@provider-access/testing/search';

const types = [...SERVED_TYPES].filter((type) => profilesOf(type).length > 0);

test('what is no R4, of the type of a profile or of another one, is checked without an error', () => {
  const random = new Random(seed);
  const elements = new Set<string>();
  for (let n = 0; n < cases(2_000); n++) {
    const junk = damaged(random, randomResource(random, random.one(types)));
    if (typeof junk !== 'object' || junk === null || Array.isArray(junk)) continue;
    for (const profile of profilesOf(random.one(types)))
      for (const { element } of lacksOf(profile, junk as FhirResource)) elements.add(element);
  }
  expect(elements.size).toBeGreaterThan(100);
  expect(elements).not.toContain('');
});
