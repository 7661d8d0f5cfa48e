/**
 * What the runners of `.ci` share: which projects there are, and what the reports of their suites say (written by
 * `suite.mjs`).
 */
import { existsSync, globSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { join, relative } from 'node:path';

export const root = join(import.meta.dirname, '..');

/** Absolute folders of all projects. */
export const projects = [
  ...['libs', 'services', 'tools']
    .filter((folder) => existsSync(join(root, folder)))
    .flatMap((folder) => readdirSync(join(root, folder)).map((name) => join(root, folder, name))),
  join(root, 'e2e'),
].filter((dir) => existsSync(join(dir, 'package.json')));

export const reportOf = (suite) => `test-report.${suite}.json`;

/** Spec files of a kind (`unit`, `engine`, …) in a project. */
export const specs = (kind) => (dir) =>
  globSync(`{src,test}/**/*.${kind}.spec.ts`, { cwd: dir }).map((file) => join(dir, file));

/** Projects whose package.json has a script of this name, i.e. an Nx target. */
export const withTarget = (target) =>
  projects.filter((dir) => JSON.parse(readFileSync(join(dir, 'package.json'), 'utf8')).scripts?.[target] !== undefined);

export function requireNode24() {
  if (Number(process.versions.node.split('.')[0]) >= 24) return;
  console.error(
    `Node 24 or later is needed, this is ${process.versions.node}: on Linux x64 \`npm ci\` brings it, elsewhere ` +
      'install it.',
  );
  process.exit(1);
}

export function removeReports(dirs, suite) {
  for (const dir of dirs) rmSync(join(dir, reportOf(suite)), { force: true });
}

export const nothing = () => ({
  passed: 0,
  failed: 0,
  restored: 0,
  failures: [],
  skipped: [],
  slow: [],
  silent: [],
  flaky: [],
  cpu: {},
});

/**
 * Counts the reports of `suite` in `dirs`. A project without a report counts as one failure and is named in `silent`,
 * because a suite that leaves no report has not run. `run` is the id of this run: results of another run came from Nx's
 * cache and are `restored`.
 */
export function count(dirs, suite, run) {
  const counted = nothing();
  for (const dir of dirs) {
    const project = relative(root, dir);
    const file = join(dir, reportOf(suite));
    if (!existsSync(file)) {
      counted.silent.push(`${project} (${suite})`);
      continue;
    }
    const report = JSON.parse(readFileSync(file, 'utf8'));
    const restored = report.run !== run;
    if (!restored) counted.cpu[`${project}:${suite}`] = report.cpuSeconds;
    for (const { file: name, first } of report.flaky ?? [])
      counted.flaky.push({ file: relative(root, name), message: messages(first) });
    if (report.unreported)
      fail(
        counted,
        `${project} (${suite})`,
        'vitest exited with an error that no test reports, e.g. an unhandled rejection: see its output',
      );
    for (const result of report.testResults) {
      const spec = relative(root, result.name);
      // A hook that failed: its tests count as skipped, and the file has a message of its own.
      if (result.status === 'failed' && !result.assertionResults.some((test) => test.status === 'failed'))
        fail(counted, spec, result.message ?? '');
      for (const test of result.assertionResults) {
        if (test.status === 'passed') {
          counted.passed += 1;
          if (restored) counted.restored += 1;
        } else if (test.status === 'failed')
          fail(counted, `${spec}: ${test.fullName}`, (test.failureMessages ?? []).join('\n'));
        else counted.skipped.push(`${spec}: ${test.fullName}`);
        if (!restored) counted.slow.push({ ms: test.duration ?? 0, label: `${spec}: ${test.fullName}` });
      }
    }
  }
  counted.failed += counted.silent.length;
  return counted;
}

const messages = (result) =>
  [result.message, ...result.assertionResults.flatMap((test) => test.failureMessages ?? [])].filter(Boolean).join('\n');

export function fail(counted, label, message) {
  counted.failed += 1;
  counted.failures.push({ label, message });
}

/** Files of a whole run. */
export const MOST_FLAKY = 2;
/**
 * Adds a failure when too many files passed only at the second try: each one would otherwise be tolerated on its own.
 */
export function limitFlaky(counted) {
  if (counted.flaky.length > MOST_FLAKY)
    fail(
      counted,
      `${counted.flaky.length} files are flaky`,
      `At most ${MOST_FLAKY} may be: repair the test or its mechanism.`,
    );
  return counted;
}

/** Several counts as one. */
export function sum(counts) {
  const total = nothing();
  for (const one of counts) {
    for (const key of ['passed', 'failed', 'restored']) total[key] += one[key];
    for (const key of ['failures', 'skipped', 'slow', 'silent', 'flaky']) total[key].push(...one[key]);
    Object.assign(total.cpu, one.cpu);
  }
  return total;
}

const indented = (message, lines) =>
  message
    .split('\n')
    .slice(0, lines)
    .map((line) => `    ${line.slice(0, 500)}`)
    .join('\n');

/**
 * Prints the slowest ten, what was skipped, each flaky file and each failure (of a long run often only the end is
 * kept), the results that came from a cache, and last `N passed, N failed`. `summary` prints what a runner adds before
 * these two lines.
 */
export function print(counted, milliseconds, summary = () => {}) {
  const { passed, failed, restored, failures, skipped, slow, silent, flaky } = counted;
  console.log(`\nTests took ${Math.round(milliseconds / 1000)} s. The slowest ten:`);
  for (const { ms, label } of slow.sort((a, b) => b.ms - a.ms).slice(0, 10))
    console.log(`  ${(ms / 1000).toFixed(1).padStart(5)} s  ${label}`);
  console.log(
    skipped.length === 0 ? 'Nothing was skipped.' : `Skipped ${skipped.length}, each with its reason in its name:`,
  );
  for (const label of skipped) console.log(`  ${label}`);
  for (const { file, message } of flaky)
    console.log(
      `FLAKY ${file}: it failed and passed when it ran again, alone. The failure was:\n${indented(message, 25)}`,
    );
  for (const { label, message } of failures) console.log(`FAILED ${label}\n${indented(message, 25)}`);
  if (silent.length > 0) console.log(`No report from: ${silent.join(', ')} (counted as failed).`);
  summary();
  console.log(`${flaky.length} flaky, ${restored} results restored from the cache`);
  console.log(`${passed} passed, ${failed} failed`);
}
