import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';

const root = join(import.meta.dirname, '../../..');
const read = (path: string): string => readFileSync(join(root, path), 'utf8');
const security = read('SECURITY.md');
/** Rows of the tables under the heading, as cells. Each area of threats has a table. */
const rows = /\n## Threats, and the test that guards each\n([\s\S]*?)\n## /
  .exec(security)![1]!
  .split('\n')
  .filter((line) => /^\| (?!-+ |threat )/.test(line))
  .map((line) =>
    line
      .split(/(?<!\\)\|/)
      .slice(1, -1)
      .map((cell) => cell.trim()),
  );

/** The files of a guard with the titles in them: `path/to.spec.ts`: _title_, _title_; … */
interface Guard {
  readonly path: string;
  readonly titles: readonly string[];
}
function guardsOf(cell: string): Guard[] {
  return [...cell.matchAll(/`([\w/.-]+\.ts)`([^`]*(?:`(?![\w/.-]+\.ts`)[^`]*)*)/g)].map(([, path, behind]) => ({
    path: path!,
    titles: [...behind!.matchAll(/(?<!\w)_(.+?)_(?!\w)/g)].map(([, title]) => title!),
  }));
}
/** Whether a spec has a test, or a group of them, with exactly this title, which may be split over lines. */
const hasTitle = (source: string, title: string): boolean => {
  const quoted = (text: string): string => text.replaceAll("\\'", "'").replaceAll(/["`]/g, "'");
  return quoted(source)
    .replaceAll(/' \+\s+'/g, '')
    .includes(quoted(`'${title}'`));
};

describe('each threat of SECURITY.md', () => {
  test('has three cells: the threat, what stands against it, and the tests', () => {
    expect(rows.length).toBeGreaterThan(40);
    for (const cells of rows) expect(cells, cells[0]).toHaveLength(3);
  });

  test.each(rows.map(([threat = '', , tests = '']) => [threat, tests] as const))('%s', (_threat, tests) => {
    const guards = guardsOf(tests);
    expect(guards.length).toBeGreaterThan(0);
    for (const { path, titles } of guards) {
      expect(existsSync(join(root, path)), `${path} exists`).toBe(true);
      expect(titles.length, `${path} is followed by the name of a test`).toBeGreaterThan(0);
      for (const title of titles) expect(hasTitle(read(path), title), `${path} has a test "${title}"`).toBe(true);
    }
  });
});

/** A reader who was not there knows no ids of findings. */
test('no threat names a finding by its id', () => {
  expect(rows.filter(([threat = '']) => /\b[A-Z]\d{1,2}\b/.test(threat.replaceAll(/\bR4\b/g, '')))).toEqual([]);
});

test('a missing name of a test would be found', () => {
  expect(guardsOf('`a/b.spec.ts`: _one_, _two_; `c.ts` (_three_)')).toEqual([
    { path: 'a/b.spec.ts', titles: ['one', 'two'] },
    { path: 'c.ts', titles: ['three'] },
  ]);
  expect([
    hasTitle("it('one', () => 1)", 'one'),
    hasTitle("it('one more', () => 1)", 'one'),
    hasTitle("it('another\\'s', () => 1)", "another's"),
  ]).toEqual([true, false, true]);
});
