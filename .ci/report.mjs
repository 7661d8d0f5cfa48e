/** What the test scripts share: which projects there are, and what the reports that vitest left say. */
import { existsSync, globSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { join, relative } from 'node:path';

export const root = join(import.meta.dirname, '..');

/** Absolute folders of all projects. */
export const projects = [...['libs', 'services'].flatMap((folder) => readdirSync(join(root, folder)).map((name) => join(root, folder, name))), join(root, 'e2e')].filter((dir) => existsSync(join(dir, 'package.json')));

const specs = (kind) => (dir) => globSync(`{src,test}/**/*.${kind}.spec.ts`, { cwd: dir }).map((file) => join(dir, file));
/** Specs of a project that need a real Kafka, MongoDB or S3. */
export const engineSpecs = specs('engine');
/** Specs of a project that need Helm or another program that Go builds. */
export const clusterSpecs = specs('cluster');
/** Specs of a project that need a running cluster. */
export const installedSpecs = specs('installed');

export function requireNode24() {
  if (Number(process.versions.node.split('.')[0]) >= 24) return;
  console.error(`Node 24 or later is needed, this is ${process.versions.node}: on Linux x64 \`npm ci\` brings it, elsewhere install it.`);
  process.exit(1);
}

export function removeReports(dirs, report) {
  for (const dir of dirs) rmSync(join(dir, report), { force: true });
}

/** Counts the reports called `report` in `dirs`; a project without one has failed, `silent` names it. */
export function count(dirs, report) {
  const counted = { passed: 0, failed: 0, failures: [], skipped: [], slow: [], silent: [] };
  for (const dir of dirs) {
    const file = join(dir, report);
    if (!existsSync(file)) {
      counted.silent.push(relative(root, dir));
      continue;
    }
    for (const suite of JSON.parse(readFileSync(file, 'utf8')).testResults) {
      const spec = relative(root, suite.name);
      // What is around its tests, e.g. a hook that failed, after which they count as skipped.
      if (suite.status === 'failed' && !suite.assertionResults.some((test) => test.status === 'failed')) {
        counted.failed += 1;
        counted.failures.push({ label: spec, message: suite.message ?? '' });
      }
      for (const test of suite.assertionResults) {
        if (test.status === 'passed') counted.passed += 1;
        else if (test.status === 'failed') {
          counted.failed += 1;
          counted.failures.push({ label: `${spec}: ${test.fullName}`, message: (test.failureMessages ?? []).join('\n') });
        } else counted.skipped.push(`${spec}: ${test.fullName}`);
        counted.slow.push({ ms: test.duration ?? 0, label: `${spec}: ${test.fullName}` });
      }
    }
  }
  counted.failed += counted.silent.length;
  return counted;
}

/** Several counts as one. */
export const sum = (counts) => ({
  passed: counts.reduce((n, one) => n + one.passed, 0),
  failed: counts.reduce((n, one) => n + one.failed, 0),
  failures: counts.flatMap((one) => one.failures ?? []),
  skipped: counts.flatMap((one) => one.skipped),
  slow: counts.flatMap((one) => one.slow),
  silent: counts.flatMap((one) => one.silent),
});

/** Says how long it took, the slowest ten, what was skipped, each failure once more (of a long run often only the end is kept) and, last, `N passed, N failed`. */
export function print({ passed, failed, failures = [], skipped, slow, silent }, milliseconds) {
  console.log(`\nTests took ${Math.round(milliseconds / 1000)} s. The slowest ten:`);
  for (const { ms, label } of slow.sort((a, b) => b.ms - a.ms).slice(0, 10)) console.log(`  ${(ms / 1000).toFixed(1).padStart(5)} s  ${label}`);
  console.log(skipped.length === 0 ? 'Nothing was skipped.' : `Skipped ${skipped.length}, each with its reason in its name:`);
  for (const label of skipped) console.log(`  ${label}`);
  for (const { label, message } of failures) console.log(`FAILED ${label}\n${message.split('\n').slice(0, 25).map((line) => `    ${line.slice(0, 500)}`).join('\n')}`);
  if (silent.length > 0) console.log(`No report from: ${silent.join(', ')} (counted as failed).`);
  console.log(`${passed} passed, ${failed} failed`);
}
