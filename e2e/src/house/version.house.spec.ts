import { execFileSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test } from 'vitest';

/**
 * The version and the day of the release stand in `package.json`. Programs read them there. `npm version` writes the
 * files that cannot (`.ci/release.mjs`), and tests of their own compare what is generated from them.
 */
const root = join(import.meta.dirname, '../../..');
const read = (file: string): string => readFileSync(join(root, file), 'utf8');
const manifest = JSON.parse(read('package.json')) as { readonly version: string; readonly releaseDate: string };
/** Files that `npm version` writes or generates. */
const WRITTEN = [
  /^package(?:-lock)?\.json$/,
  /^charts\/provider-access\/Chart\.yaml$/,
  /^charts\/provider-access\/examples\/\w+\/rendered\.yaml$/,
  /^tools\/image\/Dockerfile$/,
  /^docs\/openapi\.json$/,
];
/** Locks of other package managers, which name versions of what others publish. */
const LOCKS = /(?:^|\/)(?:go\.sum|go\.mod|[\w-]*lock[\w.-]*|requirements[\w.-]*\.txt)$/;

/** The places at which a version stands as a value: after a quote, `:`, `=`, `-` or `@`, and not in a sentence. */
function holding(version: string, files: Readonly<Record<string, string>>): string[] {
  const value = new RegExp(`["'\`:=@-]v?${version.replaceAll('.', '\\.')}(?!\\d|\\.\\d)`);
  return Object.entries(files).flatMap(([file, text]) =>
    text.split('\n').flatMap((line, i) => (value.test(line) ? [`${file}:${i + 1}`] : [])),
  );
}

test('no second place holds the version', () => {
  const listed = execFileSync('git', ['ls-files', '-co', '--exclude-standard'], { cwd: root, encoding: 'utf8' });
  const names = listed
    .trimEnd()
    .split('\n')
    .filter((file) => /\.(?:ts|tsx|mjs|js|json|md|ya?ml|tpl|sh|py|java|xml)$|Dockerfile$/.test(file))
    .filter((file) => !LOCKS.test(file) && !WRITTEN.some((one) => one.test(file)));
  expect(names.length).toBeGreaterThan(1000);
  const files = Object.fromEntries(names.map((file) => [file, read(file)]));
  expect(
    holding(manifest.version, files),
    'read it from package.json, or say it without a number: `npm version` must not have to find it',
  ).toEqual([]);
});

test('no package of the workspace has a version of its own', () => {
  const manifests = ['libs', 'services', 'tools', 'e2e'].flatMap((dir) =>
    execFileSync('git', ['ls-files', `${dir}/package.json`, `${dir}/*/package.json`], { cwd: root, encoding: 'utf8' })
      .trimEnd()
      .split('\n'),
  );
  expect(manifests.length).toBeGreaterThan(25);
  expect(manifests.filter((file) => /^ {2}"version":/m.test(read(file)))).toEqual([]);
});

test('a version is found as a value, and not as a word of a sentence', () => {
  const places = ['"version": "9.8.7"', 'image:9.8.7', 'pa-9.8.7.tgz', 'ARG V=9.8.7', "'v9.8.7'", 'pkg@9.8.7'];
  for (const line of places) expect(holding('9.8.7', { a: line }), line).toEqual(['a:1']);
  for (const line of ['builds before 9.8.7 did', '"19.8.7"', ':9.8.70', '9.8.7.1', ':9.8.7.1'])
    expect(holding('9.8.7', { a: line }), line).toEqual([]);
});

test('what `npm version` writes agrees with package.json', () => {
  const { version, releaseDate } = manifest;
  const chart = read('charts/provider-access/Chart.yaml');
  expect(chart).toContain(`\nversion: ${version}\n`);
  expect(chart).toContain(`\nappVersion: "${version}"\n`);
  expect(read('tools/image/Dockerfile')).toContain(`\nARG VERSION=${version}\n`);
  expect(JSON.parse(read('docs/openapi.json'))).toMatchObject({ info: { version } });
  expect(releaseDate).toMatch(/^20\d\d-[01]\d-[0-3]\d$/);
  expect(read('CHANGELOG.md')).toContain(`\n## ${version} (${releaseDate})\n`);
});

test('each release has its duties in the changelog, and a section in docs/upgrades.md', () => {
  const [, ...sections] = read('CHANGELOG.md').split(/^## /m);
  const releases = sections.map((section) => section.split('\n', 1)[0]!);
  expect(releases[0]).toBe('Unreleased');
  for (const section of sections)
    expect(section.match(/^### .*$/gm), section.slice(0, 40)).toEqual([
      '### Before the upgrade',
      '### After the upgrade',
      '### Changes',
    ]);
  const upgrades = read('docs/upgrades.md');
  for (const release of releases.slice(1))
    expect(upgrades).toMatch(new RegExp(`^## .*to ${release.split(' ')[0]}\\b`, 'm'));
});
