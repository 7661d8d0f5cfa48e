import { expect, it } from 'vitest';
import { isLenient } from './prefer.ts';

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
