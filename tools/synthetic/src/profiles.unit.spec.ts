import { expect, test } from 'vitest';
import { kept, organization, usCore } from './profiles.ts';

test('what is kept is made once for each name, and shared', () => {
  let made = 0;
  const one = kept((name) => ({ name, nth: (made += 1) }));
  expect(one('a')).toEqual({ name: 'a', nth: 1 });
  expect(one('a')).toBe(one('a'));
  expect(one('b')).toEqual({ name: 'b', nth: 2 });
  expect(made).toBe(2);
});

test('different names have different profiles and references', () => {
  expect(usCore('us-core-goal')).toBe('http://hl7.org/fhir/us/core/StructureDefinition/us-core-goal');
  expect(organization('org-1')).toEqual({ reference: 'Organization/org-1' });
  expect(organization('org-2')).toEqual({ reference: 'Organization/org-2' });
});
