import { expect, test } from 'vitest';
import { read } from './sources.ts';

/** The types of the section, each with its file. */
function listedIn(page: string): readonly (readonly [type: string, file: string])[] {
  const section = page.split('\n### Types of a claim\n')[1]?.split(/\n##+ /)[0] ?? '';
  return [...section.matchAll(/^\| `(\w+)` +\| `([^`]+)` +\|/gm)].map(([, type, file]) => [type!, file!] as const);
}
const declares = (text: string, type: string): boolean =>
  new RegExp(`^(export )?(interface|type) ${type}\\b`, 'm').test(text);

test('a claim has at most 15 types from POST /events to visible, and each is where docs/architecture.md says', () => {
  const listed = listedIn(read('docs/architecture.md'));
  expect(listed.length).toBeGreaterThan(10);
  expect(new Set(listed.map(([type]) => type)).size).toBe(listed.length);
  expect(listed.length).toBeLessThanOrEqual(15);
  expect(listed.filter(([type, file]) => !declares(read(file), type))).toEqual([]);
});

test('a type that is gone, and a sixteenth, would be found', () => {
  expect(declares('export interface Taken {\n', 'Taken')).toBe(true);
  expect(declares('export interface TakenFrom {\n// Taken', 'Taken')).toBe(false);
  const rows = Array.from({ length: 16 }, (_, i) => `| \`T${i}\` | \`a.ts\` | x |\n`).join('');
  expect(listedIn(`# A\n\n### Types of a claim\n\n${rows}\n## B\n\n| \`T\` | \`b.ts\` | x |\n`)).toHaveLength(16);
});
