import { expect, it } from 'vitest';
import { encodePart } from '../encoding.ts';
import { sharedArrayOf, withoutShared } from './shared-arrays.ts';
import type { ArrayPaths } from './tables.ts';

const pathsOf = (...paths: string[]): ArrayPaths => ({
  index: { name: 'by_key', fields: paths.map((path) => `part.${path}`), array: true, shared: true },
  paths: paths.map((path) => path.split('.')),
});
const FLAT = pathsOf('member', 'keys');
const many = (count: number): string[] => Array.from({ length: count }, (_, n) => `k${n}`);

it.each([
  ['few texts', many(3), many(3), true],
  ['one text more than are compared with each other', many(17), many(17), true],
  ['many texts', many(40), many(40), true],
  ['a text twice', ['a', 'b', 'a'], ['a', 'b'], false],
  ['neighbours that are equal', ['a', 'a'], ['a'], false],
  ['the last of as many as are compared twice', [...many(15), 'k0'], many(15), false],
  ['a text twice among many', [...many(40), 'k7'], many(40), false],
  ['other values', ['a', 1, null, 'b'], ['a', 'b'], false],
  ['other values among many', [...many(20), 3], many(20), false],
  ['a half of a surrogate pair', ['a', '\ud800'], ['a', '\ufffd'], false],
  ['texts that are one when well formed', ['\ud800', '\udc00'], ['\ufffd'], false],
])('finds the different texts of an array with %s', (_, keys, texts, isWhole) => {
  expect(sharedArrayOf({ member: 'm', keys }, FLAT)).toEqual({ prefix: ['m'], texts, isWhole });
});

it.each([
  ['no array', { member: 'm', keys: 'a' }],
  ['an array without texts', { member: 'm', keys: [1] }],
  ['an empty array', { member: 'm', keys: [] }],
  ['no field in front of it', { keys: ['a'] }],
])('finds nothing in a part with %s', (_, part) => {
  expect(sharedArrayOf(part, FLAT)).toBeUndefined();
});

it.each([
  ['a number', 7],
  ['a half of a surrogate pair', 'm\ud800'],
])('keeps the array of a part whose field has %s', (_, member) => {
  expect(sharedArrayOf({ member, keys: ['a'] }, FLAT)?.isWhole).toBe(false);
});

it.each([
  ['fields', FLAT, { member: 'm', keys: ['a'], at: 1, ['__proto__x']: 2 }, '{"at":1,"__proto__x":2}'],
  [
    'fields of fields',
    pathsOf('of.member', 'of.keys'),
    { of: { member: 'm', keys: ['a'], left: 1 }, at: 2 },
    '{"of":{"left":1},"at":2}',
  ],
])('leaves %s out of the JSON of a part, which stays as it is', (_, paths, part, json) => {
  const before = structuredClone(part);
  expect(encodePart(withoutShared(part, paths), []).json).toBe(json);
  expect(part).toEqual(before);
});

it('keeps an own field with the name of the prototype', () => {
  const part = JSON.parse('{"member":"m","keys":["a"],"__proto__":{"x":1}}') as object;
  expect(encodePart(withoutShared(part, FLAT), []).json).toBe('{"__proto__":{"x":1}}');
});
