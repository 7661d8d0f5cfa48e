/**
 * The script `version` of package.json: npm runs it in `npm version 1.2.3 --no-git-tag-version`, after it has written
 * package.json and package-lock.json. It adds the day of the release, and writes the version into the files that cannot
 * read package.json. CONTRIBUTING.md ("Cut a release") says what a person does beside it.
 */
import { execFileSync } from 'node:child_process';
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';

const root = join(import.meta.dirname, '..');
function change(file, ...changes) {
  const path = join(root, file);
  let text = readFileSync(path, 'utf8');
  for (const [from, to] of changes) {
    if (text.split(from).length !== 2) throw new Error(`${file} has not exactly one ${from}`);
    text = text.replace(from, to);
  }
  writeFileSync(path, text);
}

const { version } = JSON.parse(readFileSync(join(root, 'package.json'), 'utf8'));
const day = new Date().toISOString().slice(0, 10);
const NOTHING =
  '### Before the upgrade\n\n- Nothing.\n\n### After the upgrade\n\n- Nothing.\n\n### Changes\n\n- None yet.\n';
change('package.json', [/"releaseDate": "[^"]*"/, `"releaseDate": "${day}"`]);
change(
  'charts/provider-access/Chart.yaml',
  [/^version: .*$/m, `version: ${version}`],
  [/^appVersion: .*$/m, `appVersion: "${version}"`],
);
change('tools/image/Dockerfile', [/^ARG VERSION=.*$/m, `ARG VERSION=${version}`]);
change('CHANGELOG.md', [/^## Unreleased\n$/m, `## Unreleased\n\n${NOTHING}\n## ${version} (${day})\n`]);
change('charts/provider-access/UPGRADING.md', [
  /^### Unreleased\n$/m,
  `### Unreleased\n\n- Nothing.\n\n### ${version}\n`,
]);
for (const args of [
  ['run', '--silent', 'build'],
  ['run', 'chart'],
  ['run', 'openapi', '-w', '@provider-access/standalone'],
])
  execFileSync('npm', args, { cwd: root, stdio: 'inherit' });
console.log(`Version ${version}: complete its sections in CHANGELOG.md and docs/upgrades.md.`);
