import { cases, Random, seed } from '@provider-access/testing/search';
import { expect, it } from 'vitest';
import { elementsOf } from './json-elements.ts';

/** The elements as JSON.parse has them; undefined if the text is not JSON or no array. */
function oracle(bytes: Buffer): readonly unknown[] | undefined {
  try {
    const whole: unknown = JSON.parse(bytes.toString());
    return Array.isArray(whole) ? whole : undefined;
  } catch {
    return undefined;
  }
}

function found(bytes: Buffer): readonly unknown[] | undefined {
  const bounds = elementsOf(bytes);
  if (bounds === undefined) return undefined;
  try {
    return Array.from({ length: bounds.length / 2 }, (_, i): unknown =>
      JSON.parse(bytes.subarray(bounds[2 * i], bounds[2 * i + 1]).toString()),
    );
  } catch {
    return undefined;
  }
}

it.each([
  '[]',
  ' \n[ \t]\r ',
  '[1]',
  '[1, "a", {"b":[2]}, [], null]',
  String.raw`["\\", "\"]", "\\\"", "]"]`,
  '["é – 東京", "\u{1F600}"]',
  '',
  ' ',
  '[',
  ']',
  '[]]',
  '[[]',
  '[1,]',
  '[,]',
  '[,1]',
  '[1 2]',
  '[1}',
  '[{]}',
  '[{],[}]',
  '["a]',
  '["a\\"]',
  '[1]x',
  '{"a":[1]}',
  '\ufeff[1]',
  '5',
])('finds in %j what JSON.parse finds', (text) => {
  expect(found(Buffer.from(text))).toEqual(oracle(Buffer.from(text)));
});

it('finds what JSON.parse finds, whatever the bytes are', () => {
  const random = new Random(seed);
  const parts = ['[', ']', '{', '}', ',', ':', '"', '\\', ' ', '\n', '1', 'null', '"a"', '"a":', 'é', '\ufeff'];
  const bytesOf = (): Buffer => {
    const text = Array.from({ length: random.below(12) }, () => random.one(parts)).join('');
    const bytes = Buffer.from(random.below(3) === 0 ? text : `[${text}]`);
    // A byte that is no UTF-8 becomes U+FFFD in both.
    if (bytes.length > 0 && random.below(4) === 0) bytes[random.below(bytes.length)] = 128 + random.below(128);
    return bytes;
  };
  let arrays = 0;
  for (let n = 0; n < cases(20_000); n++) {
    const bytes = bytesOf();
    const expected = oracle(bytes);
    expect(found(bytes), bytes.toString('hex')).toEqual(expected);
    if (expected !== undefined) arrays += 1;
  }
  expect(arrays).toBeGreaterThan(cases(20_000) / 100);
});
