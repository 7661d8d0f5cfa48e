import { expect, it } from 'vitest';
import { checkSigns, sortable } from './key-text.ts';

it.each([
  [{ a: 'x', b: 'x' }, ['a'], 'b and a have the same sign "x".'],
  [{ a: 'x' }, ['a', 'b'], 'The parameter b has keys and needs a sign in SIGNS.'],
  [{ a: 'x' }, ['toString'], 'The parameter toString has keys and needs a sign in SIGNS.'],
  [{ a: '_' }, ['a'], 'The sign "_" of a is no letter or digit.'],
  [{ a: 'xy' }, ['a'], 'The sign "xy" of a is no letter or digit.'],
  [{ a: '=' }, ['a'], 'The sign "=" of a is no letter or digit.'],
])('refuses the signs %j of %j, because keys of two parameters could meet', (signs, names, message) => {
  expect(() => {
    checkSigns(signs, names);
  }).toThrow(message);
});

// Day 732,000 of the count is 1900-01-01, and 732,000 = 2 * 64^3 + 50 * 64^2 + 45 * 64 + 32.
it.each([
  ['1900-01-01T00:00:00Z', '1mhV'],
  ['1900-01-01T00:00:01Z', '1mhV--0'],
  ['1900-01-01T00:00:00.001Z', '1mhV----0'],
  ['1900-01-02T23:59:59.999Z', '1mhWK4zEb'],
])('writes %s as %s', (instant, text) => {
  expect(sortable(Date.parse(instant))).toBe(text);
});

it('bounds times that are open or out of the calendar', () => {
  expect([-Infinity, -1e17, 1e17, Infinity].map(sortable)).toEqual(['----', '----', 'zzzz', 'zzzz']);
});
