import { execFileSync } from 'node:child_process';
import { existsSync, readFileSync } from 'node:fs';

/**
 * Prints each line of a hand-written file of this repository that is wider than the page, and then exits with 1. The
 * lint step calls it, because Prettier cannot break a string, a comment, a code block or a line of a Helm template.
 */
const WIDTH = 120;
const SCRIPTS = ['.ci/run', ':(glob)tools/cluster/*', ':(glob)e2e/engines/*', '*.sh'];
const PATTERNS = ['*.ts', '*.mjs', '*.md', '*.yaml', '*.yml', ...SCRIPTS];
const GENERATED = [
  /^libs\/fhir\/src\/definitions\//,
  /^docs\/(configuration|metrics|search|topics)\.md$/,
  /^charts\/provider-access\/(examples\/\w+\/rendered|files\/alerts\/[\w-]+)\.yaml$/,
];

/** In the folder of the caller, also what is not committed yet. */
function handWritten() {
  const listed = execFileSync('git', ['ls-files', '-co', '--exclude-standard', ...PATTERNS], { encoding: 'utf8' });
  return listed.split('\n').filter((file) => file && existsSync(file) && !GENERATED.some((form) => form.test(file)));
}

/** URLs do not count, and neither do rows of tables: nobody can break them. */
const isTableRow = (file, line) => file.endsWith('.md') && /^\s*\|/.test(line);
const widthOf = (line) => [...line.replace(/https?:\/\/[^\s'"`)>]+/g, '')].length;
const isTooWide = (file, line) => !isTableRow(file, line) && widthOf(line) > WIDTH;

const found = handWritten().flatMap((file) =>
  readFileSync(file, 'utf8')
    .split('\n')
    .flatMap((line, i) => (isTooWide(file, line) ? [`${file}:${i + 1}: ${widthOf(line)} columns`] : [])),
);
for (const place of found) console.error(`${place}; ${WIDTH} are allowed`);
process.exitCode = found.length ? 1 : 0;
