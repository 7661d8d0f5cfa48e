import { expect, test } from 'vitest';
import { base32 } from './base32.ts';

// https://www.rfc-editor.org/rfc/rfc4648#section-10
test.each([
  ['', ''],
  ['f', 'my'],
  ['fo', 'mzxq'],
  ['foo', 'mzxw6'],
  ['foob', 'mzxw6yq'],
  ['fooba', 'mzxw6ytb'],
  ['foobar', 'mzxw6ytboi'],
])('encodes "%s" as RFC 4648 does, in lower case and without padding', (text, encoded) => {
  expect(base32(Buffer.from(text))).toBe(encoded);
});
test('writes 16 bytes as 26 characters', () => {
  expect(base32(new Uint8Array(16).fill(255))).toBe('777777777777777777777777' + '74');
});
