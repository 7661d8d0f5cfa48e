import { cases, Random, seed } from '@provider-access/testing/search';
import { expect, it } from 'vitest';
import { generated } from '../../test/walk/generate.ts';
import { jsonWith } from './json-bytes.ts';

const TEXTS = ['plain', '"', '\\', '\\"', '\n\t\u0001', 'é – 東京 😀', '\u2028', '\ud800', '</div>', '{"a":"\\"b\\""}'];

it('writes JSON within JSON as JSON.stringify does, byte by byte', () => {
  const random = new Random(seed);
  for (let n = 0; n < cases(500); n++) {
    const line = JSON.stringify({ ...generated(random), more: random.one(TEXTS) });
    const members = { member: random.one(TEXTS), tokens: [random.one(TEXTS), random.one(TEXTS)], n };
    const written = jsonWith(members, 'line', Buffer.from(line));
    expect(written.toString()).toBe(JSON.stringify({ ...members, line }));
    expect(JSON.parse(written.toString())).toEqual({ ...members, line });
  }
});

it('writes a text of megabytes, and short ones after it', () => {
  for (const length of [3_000_000, 10, 900_000, 10]) {
    const line = JSON.stringify({ text: '"'.repeat(length) });
    expect(jsonWith({ n: length }, 'line', Buffer.from(line)).toString()).toBe(JSON.stringify({ n: length, line }));
  }
});
