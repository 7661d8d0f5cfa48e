import { execFileSync } from 'node:child_process';
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { changed, changesOf } from '../tutorials.ts';

const ROOT = join(import.meta.dirname, '../../..');
const PAGES = readdirSync(join(ROOT, 'docs/tutorials')).map((name) => `docs/tutorials/${name}`);
const files = execFileSync('git', ['ls-files', '--cached', '--others', '--exclude-standard'], {
  cwd: ROOT,
  encoding: 'utf8',
}).split('\n');
const scripts = Object.keys(
  (JSON.parse(readFileSync(join(ROOT, 'package.json'), 'utf8')) as { scripts: Record<string, string> }).scripts,
);
const projects = new Map(
  files
    .filter((file) => /^(libs|services|tools)\/\w+\/package\.json$|^e2e\/package\.json$/.test(file))
    .map((file) => {
      const { nx } = JSON.parse(readFileSync(join(ROOT, file), 'utf8')) as { nx?: { name?: string } };
      return [nx?.name, file.replace('/package.json', '')];
    }),
);

/** Blocks that no test runs, because they take minutes or need a cluster: what they name must exist. */
const linesOf = (page: string): string[] =>
  [...readFileSync(join(ROOT, page), 'utf8').matchAll(/^```shell\n([\s\S]*?)^```$/gm)].flatMap(([, text]) =>
    text!.replaceAll('\\\n', ' ').trim().split('\n'),
  );

test.each(PAGES)('%s names files, folders, scripts, projects and specs that exist', (page) => {
  const missing: string[] = [];
  for (const [, path] of readFileSync(join(ROOT, page), 'utf8').matchAll(
    /`((?:libs|services|tools|charts|e2e)\/[\w./-]+)`/g,
  ))
    if (!existsSync(join(ROOT, path!))) missing.push(path!);
  for (const line of linesOf(page)) {
    const folder = /\bcd (\S+) &&/.exec(line)?.[1] ?? '.';
    if (!existsSync(join(ROOT, folder))) missing.push(folder);
    const [, filter] = /\bnpx vitest run (?:--project \w+ )?([^\s)]+)/.exec(line) ?? [];
    if (
      filter !== undefined &&
      !files.some((file) => file.startsWith(`${folder}/${filter}`) && file.endsWith('.spec.ts'))
    )
      missing.push(`a spec for: ${line}`);
    const [, script] = /^npm (?:run )?(?!ci\b)([\w:]+)/.exec(line) ?? [];
    if (script !== undefined && !scripts.includes(script)) missing.push(`npm run ${script}`);
    const [, project] = /\bnpx nx (?:test|run-many -t \S+ -p) (\w+)/.exec(line) ?? [];
    if (project !== undefined && !projects.has(project)) missing.push(`the project ${project}`);
    for (const [, path] of line.matchAll(/ ((?:libs|services|tools|charts)\/[\w./-]+)/g))
      if (!existsSync(join(ROOT, path!.replace('/dist/', '/src/').replace(/\.js$/, '.ts')))) missing.push(path!);
  }
  expect(missing).toEqual([]);
});

test.each([...PAGES, 'CONTRIBUTING.md'])('%s runs our programs with the Node that npm ci brings', (page) => {
  const own = readFileSync(join(ROOT, page), 'utf8').matchAll(/^node .*(?:services|libs|tools|e2e)\/.*$/gm);
  expect([...own].map(([line]) => line)).toEqual([]);
});

test('the changes of the tutorial of a contributor fit the files that it names', () => {
  const changes = changesOf(readFileSync(join(ROOT, 'docs/tutorials/contributor.md'), 'utf8'));
  expect(changes.length).toBeGreaterThan(1);
  for (const { file, lines } of changes) {
    const text = readFileSync(join(ROOT, file), 'utf8');
    expect(changed(text, lines)).not.toBe(text);
  }
});

test('a tutorial of each reader is there, and has commands', () => {
  expect(PAGES.map((page) => page.split('/').at(-1))).toEqual([
    'contributor.md',
    'operator.md',
    'payer.md',
    'provider.md',
  ]);
  for (const page of PAGES) expect(linesOf(page).length, page).toBeGreaterThan(1);
});
