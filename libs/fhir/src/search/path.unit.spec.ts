import { describe, expect, it } from 'vitest';

import { SEARCH } from './definitions.ts';
import { compilePath, walk } from './path.ts';

function read(path: string, resource: object): unknown[] {
  const values: unknown[] = [];
  for (const leaf of compilePath(path)) walk(resource, leaf, (value) => values.push(value));
  return values;
}

it('walks into no property that every object has', () => {
  const steps = Object.values(SEARCH).flatMap(({ parameters }) =>
    parameters.flatMap(({ path }) => compilePath(path).flatMap((leaf) => leaf.steps)),
  );
  const names = new Set(steps.flatMap(({ property, where }) => property ?? where ?? []));
  expect(names.size).toBeGreaterThan(50);
  expect([...names].filter((name) => name in {})).toEqual([]);
});

describe('compilePath', () => {
  it.each([
    [
      "Patient.telecom.where(system='phone').value",
      { telecom: [{ system: 'phone', value: '1' }, { value: '2' }] },
      ['1'],
    ],
    [
      "Patient.extension('http://x').value.ofType(string)",
      { extension: [{ url: 'http://x', valueString: 'a' }] },
      ['a'],
    ],
    ['(Patient.deceased as dateTime)', { deceasedBoolean: true, deceasedDateTime: '2020' }, ['2020']],
    ['Patient.name.given | Patient.name.family', { name: [{ family: 'f', given: ['g', null] }] }, ['g', 'f']],
    ['Observation.subject.where(resolve() is Patient)', { subject: { reference: 'Group/1' } }, []],
    [
      'Observation.subject.where(resolve() is Patient)',
      { subject: { reference: 'http://x/Patient/1' } },
      [{ reference: 'http://x/Patient/1' }],
    ],
  ])('%s of %j', (path, resource, values) => {
    expect(read(path, resource)).toEqual(values);
  });

  it.each([
    ['Patient.colour', 'R4 has no colour there'],
    ['Jane.name', 'Jane is no type of R4'],
    ['Patient.birthDate.as(Period)', 'the element is never a Period'],
    ['Patient.name.first()', 'cannot read .first()'],
    ['Patient.name.where(use = 1)', 'cannot read .where(use = 1)'],
    ['Patient.name[0]', 'cannot read [0]'],
    ['Patient.name and true', 'cannot read  and true'],
  ])('refuses %s when a process starts', (path, message) => {
    expect(() => compilePath(path)).toThrow(message);
  });
});
