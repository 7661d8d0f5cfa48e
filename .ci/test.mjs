#!/usr/bin/env node
/**
 * `npm test`: builds, runs the suites `npm` and `house` of every project through Nx, then prints in one place what ran,
 * what was skipped and why, the
 * ten slowest tests and what the suites cost. Ends with `N passed, N failed`. Arguments go to Nx, e.g. `npm test --
 * --skip-nx-cache`; `--record` writes the cost of each suite to `.ci/cpu.json`. `docs/testing.md` describes the other
 * suites. More than two flaky files fail the run.
 */
import { spawn } from 'node:child_process';
import { randomUUID } from 'node:crypto';
import { basename } from 'node:path';
import { judgeCpu, largestOf, measureUnit, printCpu, recordCpu } from './cpu.mjs';
import {
  count,
  fail,
  limitFlaky,
  print,
  projects,
  removeReports,
  requireNode24,
  root,
  specs,
  sum,
  withTarget,
} from './report.mjs';

const LANES = 4;
/** Units from which a project is a run of its own. Each start of Nx costs one or two. */
const LARGE = 35;

requireNode24();
const SUITES = [
  ['npm', projects],
  ['house', withTarget('test-house')],
];
for (const [suite, dirs] of SUITES) removeReports(dirs, suite);
const id = randomUUID();
const record = process.argv.includes('--record');
const nxArgs = process.argv.slice(2).filter((arg) => arg !== '--record');
const env = {
  ...process.env,
  NX_DAEMON: 'false',
  NX_TUI: 'false',
  TEST_RUN_ID: id,
  SECOND_CHANCE: 'true',
  // Nx and vitest start 30 times. The same folder as in e2e/src/compiled.ts.
  NODE_COMPILE_CACHE: `${root}/node_modules/.cache/provider-access-compiled`,
};
const run = (command, args) =>
  new Promise((resolve) =>
    spawn(command, args, { cwd: root, stdio: 'inherit', env }).once('error', resolve).once('close', resolve),
  );
const started = Date.now();
if ((await run('npm', ['run', '--silent', 'build'])) !== 0) process.exit(1);
const unitOfRun = measureUnit();
// Four lanes side by side, because each waits for processes and clocks half of its time. A lane that is free takes the
// next run. Large projects are runs of their own, the largest first; all small ones are one long run. The reports tell
// what failed.
const nx = (...args) =>
  run('npx', ['nx', 'run-many', '--parallel=1', '--output-style=static', '--nxBail=false', ...args, ...nxArgs]);
const large = largestOf('npm', LARGE).map((project) => basename(project));
const [first, ...others] = large.map((project) => ['-t', 'test', `--projects=${project}`]);
const small = ['-t', 'test', `--exclude=${large.join(',')}`];
const runs = [first, small, ...others, ['-t', 'test-house', '--projects=e2e']].values();
const lane = async () => {
  for (const args of runs) await nx(...args);
};
await Promise.all(Array.from({ length: LANES }, lane));

const counted = limitFlaky(sum(SUITES.map(([suite, dirs]) => count(dirs, suite, id))));
const elsewhere = (kinds, why) => {
  const files = kinds.flatMap((kind) => projects.flatMap(specs(kind)));
  if (files.length > 0)
    counted.skipped.push(`${files.length} files ${kinds.map((kind) => `*.${kind}.spec.ts`).join(', ')}: ${why}`);
};
elsewhere(
  ['engine'],
  'they need Kafka, a MongoDB-compatible server and an S3 server; `npm run test:engines` starts these',
);
elsewhere(['program'], 'they need programs that npm does not bring; `npm run test:programs` fetches them');
elsewhere(['long', 'installed', 'model'], 'they take up to half an hour each; `npm run test:long` runs them');
const unit = await unitOfRun();
if (record) recordCpu(counted.cpu, unit);
judgeCpu(printCpu(counted.cpu, unit), (message) => fail(counted, 'the cost of the tests', message));
print(counted, Date.now() - started);
process.exit(counted.failed > 0 ? 1 : 0);
