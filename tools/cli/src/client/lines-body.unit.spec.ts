import { expect, test } from 'vitest';
import { LinesBody } from './lines-body.ts';

const linesOf = (...lines: readonly string[]): { readonly line: string }[] => lines.map((line) => ({ line }));
const textOf = (...lines: readonly string[]): string => lines.map((line) => `${line}\n`).join('');

test.each([
  ['none', []],
  ['an empty one', ['']],
  ['some', ['{"a":1}', '', '{"b":2}']],
  ['other alphabets', ['é', '漢字', '😀', 'a'.repeat(100), '漢'.repeat(1000)]],
  ['half a character', ['\uD83D', 'a\uDE00b']],
])('lines become the bytes that their text has: %s', (_what, lines) => {
  const body = new LinesBody();
  expect(Buffer.from(body.of(linesOf(...lines)))).toEqual(Buffer.from(new TextEncoder().encode(textOf(...lines))));
});

test('a shorter request has nothing of a longer one before it', () => {
  const body = new LinesBody();
  body.of(linesOf('a'.repeat(1000)));
  expect(Buffer.from(body.of(linesOf('b', 'c'))).toString()).toBe('b\nc\n');
  expect(Buffer.from(body.of(linesOf('d'.repeat(5000)))).toString()).toBe(`${'d'.repeat(5000)}\n`);
});
