import { execFileSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test } from 'vitest';

/**
 * Code that is there for a release before carries `@until VERSION` with the first release that must not have it any
 * more (CONTRIBUTING.md). So nobody has to remember it when that release is cut.
 */
const root = join(import.meta.dirname, '../../..');
const MARK = '@until';

/** Where a file has a mark whose release is reached, and where a mark names no release. */
function overdue(files: Readonly<Record<string, string>>, release: string): string[] {
  const found: string[] = [];
  for (const [file, text] of Object.entries(files))
    for (const [i, line] of text.split('\n').entries()) {
      if (!line.includes(MARK)) continue;
      const version = new RegExp(`${MARK} (\\d+\\.\\d+\\.\\d+)\\b`).exec(line)?.[1];
      const place = `${file}:${i + 1}`;
      if (version === undefined) found.push(`${place}: write ${MARK} with a version, as in ${MARK} 1.2.3`);
      else if (version.localeCompare(release, 'en', { numeric: true }) <= 0)
        found.push(`${place}: delete this code, because ${release} is not below ${version}`);
    }
  return found;
}

const listed = execFileSync('git', ['ls-files', '-co', '--exclude-standard', '*.ts', '*.mjs', '*.tpl', '*.yaml'], {
  cwd: root,
  encoding: 'utf8',
});
const { version } = JSON.parse(readFileSync(join(root, 'package.json'), 'utf8')) as { version: string };
const marked = Object.fromEntries(
  listed
    .trimEnd()
    .split('\n')
    .filter((file) => !file.endsWith('.house.spec.ts'))
    .map((file) => [file, readFileSync(join(root, file), 'utf8')] as const)
    .filter(([, text]) => text.includes(MARK)),
);

test('no code outlives the release for which it was kept', () => {
  expect(Object.keys(marked).length).toBeGreaterThan(3);
  expect(overdue(marked, version)).toEqual([]);
});

test('a mark is overdue in its release and later, and a mark without a release is a fault', () => {
  const planted = (text: string, release: string): string[] => overdue({ 'a.ts': `// first\n/** ${text} */` }, release);
  expect(planted('@until 0.3.0', '0.2.9')).toEqual([]);
  expect(planted('@until 0.10.0', '0.9.0')).toEqual([]);
  for (const release of ['0.3.0', '0.3.1', '0.10.0', '1.0.0'])
    expect(planted('@until 0.3.0', release)).toEqual([
      `a.ts:2: delete this code, because ${release} is not below 0.3.0`,
    ]);
  expect(planted('@until the next release', '0.1.0')).toEqual([
    'a.ts:2: write @until with a version, as in @until 1.2.3',
  ]);
});
