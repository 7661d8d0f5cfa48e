import { describe, expect, test } from 'vitest';
import { asText, relink, slug } from './links.ts';

const PLACES: Readonly<Record<string, string>> = {
  'pages/a.md': 'a.md',
  'pages/adr/README.md': 'adr/index.md',
  'pages/adr/0001-x.md': 'adr/0001-x.md',
  'SECURITY.md': 'security.md',
};
const moved = (text: string, from = 'pages/a.md'): string => relink(text, from, (path) => PLACES[path]);

describe('links of a copied page', () => {
  test.each([
    ['[one](adr/0001-x.md#why)', '[one](./adr/0001-x.md#why)'],
    ['[all](adr/README.md)', '[all](./adr/index.md)'],
    ['[all](adr)', '[all](./adr/index.md)'],
    ['[out](../SECURITY.md)', '[out](./security.md)'],
    ['[here](#a-heading) and [there](https://example.org/x)', '[here](#a-heading) and [there](https://example.org/x)'],
    ['[over\nlines](../SECURITY.md)', '[over\nlines](./security.md)'],
  ])('%j leads to the place of its target', (text, expected) => {
    expect(moved(text)).toBe(expected);
  });
  test('of a page in a folder are relative to it', () => {
    expect(moved('[a](../a.md), [s](../../SECURITY.md)', 'pages/adr/0001-x.md')).toBe(
      '[a](./../a.md), [s](./../security.md)',
    );
  });
  test('to a file that the site does not have become text', () => {
    expect(moved('see [`decide`](../libs/domain/src/access/decide.ts)')).toBe('see `decide`');
  });
  test('in a code block stay as they are', () => {
    const block = '```\n[one](../SECURITY.md)\n```';
    expect(moved(block)).toBe(block);
  });
});

test('tags and braces of a page are shown and not executed, except in code', () => {
  expect(asText('a <b> and {{ c }}, `<d>`, <https://example.org>\n```\n<e>\n```')).toBe(
    'a &lt;b> and &#123;&#123; c }}, `<d>`, <https://example.org>\n```\n<e>\n```',
  );
});

test.each([
  ['What it needs, and what it does not', 'what-it-needs-and-what-it-does-not'],
  ['`POST /events`', 'post-events'],
  ['A – B', 'a--b'],
])('the anchor of %j is the one of Git hosts', (heading, anchor) => {
  expect(slug(heading)).toBe(anchor);
});
