import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
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

test('a request keeps its bytes while the next one is written', async () => {
  const received: string[] = [];
  const server = createServer((request, response) => {
    let text = '';
    request.setEncoding('utf8').on('data', (chunk: string) => (text += chunk));
    request.on('end', () => (received.push(text), response.end()));
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const url = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
  const body = new LinesBody();
  const lines = ['a', 'b', 'c'].map((letter) => letter.repeat(1_000_000));
  await Promise.all(
    lines.map((line) => fetch(url, { method: 'POST', body: body.of(linesOf(line)) as Uint8Array<ArrayBuffer> })),
  );
  await new Promise((resolve) => server.close(resolve));
  expect(received.toSorted()).toEqual(lines.map((line) => `${line}\n`));
});
