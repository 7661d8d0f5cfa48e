import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { diagramsOf, pictureName, withPictures } from './diagrams/picture.ts';
import { listed, sections } from './navigation.ts';
import { DIAGRAMS, REPOSITORY } from './paths.ts';
import { sources } from './sources.ts';

test('the navigation lists every page', () => {
  expect(sources().length).toBeGreaterThan(90);
  expect(sources().filter(({ to }) => !listed(to))).toEqual([]);
});

test('tutorials, how-to pages, reference and background are separate, and no page is in two of them', () => {
  const all = sections();
  for (const name of ['Tutorials', 'How to', 'Reference', 'Background'])
    expect(all.some(({ text }) => text.startsWith(name))).toBe(true);
  const links = all.flatMap(({ items }) => items.map(({ link }) => link));
  expect(new Set(links).size).toBe(links.length);
});

test('each diagram has its picture, and each picture a diagram', () => {
  const names = sources().flatMap(({ from }) =>
    diagramsOf(readFileSync(join(REPOSITORY, from), 'utf8')).map(pictureName),
  );
  expect(names.length).toBeGreaterThan(7);
  // If this fails, run `npm run diagrams -w @provider-access/site`. It needs Chromium.
  expect(names.filter((name) => !existsSync(join(DIAGRAMS, name)))).toEqual([]);
  expect(readdirSync(DIAGRAMS).filter((name) => !names.includes(name))).toEqual([]);
});

test('a diagram that has changed says how its picture is drawn', () => {
  expect(() => withPictures('```mermaid\nflowchart LR\n  a --> b\n```', 'page.md')).toThrow(
    'page.md: a diagram has no picture. Run `npm run diagrams -w @provider-access/site`.',
  );
});
