import { expect, it } from 'vitest';
import { hasPreference, isLenient } from './prefer.ts';

// https://www.rfc-editor.org/rfc/rfc7240#section-2
it.each([
  ['handling=lenient', true],
  ['respond-async, handling=lenient', true],
  ['handling="lenient"', true],
  ['handling = "lenient" , wait=10', true],
  ['respond-async; handling = lenient', true],
  ['respond-async; handling="lenient"', true],
  ['HANDLING=Lenient', true],
  [['respond-async', 'handling=lenient'], true],
  ['handling=lenient, handling=strict', true],
  ['handling=strict, handling=lenient', false],
  ['respond-async', false],
  ['handling', false],
  ['handling=strict', false],
  ['handling=lenient-ish', false],
  ['xhandling=lenient', false],
  ['foo="bar, handling=lenient"', false],
  [String.raw`foo="\", handling=lenient"`, false],
  ['"handling=lenient"', false],
  ['', false],
  [undefined, false],
])('Prefer: %s', (prefer, lenient) => {
  expect(isLenient(prefer)).toBe(lenient);
});

it('finds a preference without a value, in any place and any case', () => {
  const name = 'separate-export-status';
  for (const prefer of [
    name,
    `respond-async,${name}`,
    `respond-async; ${name}`,
    ['respond-async', name],
    'Separate-Export-Status',
  ])
    expect(hasPreference(prefer, name)).toBe(true);
  for (const prefer of [undefined, '', 'respond-async', `${name}=false`, `foo="${name}"`, `x${name}`])
    expect(hasPreference(prefer, name)).toBe(false);
});
