import { expect, test } from 'vitest';
import { bufferOf, dataOf, textOf } from './record-value.ts';

const page = Buffer.from('xx{"name":"Zoë"}xx');
const value = new Uint8Array(page.buffer, page.byteOffset + 2, page.byteLength - 4);

test('reads a value that is a part of a larger buffer', () => {
  expect(textOf({ value })).toBe('{"name":"Zoë"}');
  expect(dataOf({ value })).toEqual({ name: 'Zoë' });
  expect(bufferOf(value).buffer).toBe(page.buffer);
});
test('reads a text that was not appended yet', () => {
  expect(textOf({ value: '[1]' })).toBe('[1]');
  expect(dataOf({ value: '[1]' })).toEqual([1]);
  expect(bufferOf('ë')).toEqual(Buffer.from('ë'));
});
test('throws on a value that is no JSON', () => {
  expect(() => dataOf({ value: '{' })).toThrow(SyntaxError);
});
