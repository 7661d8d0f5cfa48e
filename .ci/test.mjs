#!/usr/bin/env node
/**
 * `npm test`: builds, runs every project's tests through Nx, then says in one place what ran, what was skipped and why,
 * and which ten tests were the slowest. Ends with `N passed, N failed`.
 */
import { spawnSync } from 'node:child_process';
import { existsSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { join, relative } from 'node:path';

const root = join(import.meta.dirname, '..');
if (Number(process.versions.node.split('.')[0]) < 24) {
  console.error(`Node 24 or later is needed, this is ${process.versions.node}: on Linux x64 \`npm ci\` brings it, elsewhere install it.`);
  process.exit(1);
}
const projects = [...['libs', 'services'].flatMap((folder) => readdirSync(join(root, folder)).map((name) => join(root, folder, name))), join(root, 'e2e')].filter((dir) => existsSync(join(dir, 'package.json')));
for (const dir of projects) rmSync(join(dir, 'test-report.json'), { force: true });

const env = { ...process.env, NX_DAEMON: 'false', NX_TUI: 'false' };
const run = (command, args) => spawnSync(command, args, { cwd: root, stdio: 'inherit', env }).status ?? 1;
if (run('npm', ['run', '--silent', 'build']) !== 0) process.exit(1);
const started = Date.now();
// One project at a time: each test run uses both cores, and timings stay comparable.
const status = run('npx', ['nx', 'run-many', '-t', 'test', '--parallel=1', '--output-style=static', '--nxBail=false', ...process.argv.slice(2)]);

let passed = 0;
let failed = 0;
const skipped = [];
const slow = [];
const silent = [];
for (const dir of projects) {
  const file = join(dir, 'test-report.json');
  const name = relative(root, dir);
  if (!existsSync(file)) {
    silent.push(name);
    continue;
  }
  for (const suite of JSON.parse(readFileSync(file, 'utf8')).testResults) {
    const spec = relative(root, suite.name);
    if (suite.assertionResults.length === 0 && suite.status === 'failed') failed += 1;
    for (const test of suite.assertionResults) {
      if (test.status === 'passed') passed += 1;
      else if (test.status === 'failed') failed += 1;
      else skipped.push(`${spec}: ${test.fullName}`);
      slow.push({ ms: test.duration ?? 0, label: `${spec}: ${test.fullName}` });
    }
  }
}
console.log(`\nTests took ${Math.round((Date.now() - started) / 1000)} s. The slowest ten:`);
for (const { ms, label } of slow.sort((a, b) => b.ms - a.ms).slice(0, 10)) console.log(`  ${(ms / 1000).toFixed(1).padStart(5)} s  ${label}`);
console.log(skipped.length === 0 ? 'Nothing was skipped.' : `Skipped ${skipped.length}, each with its reason in its name:`);
for (const label of skipped) console.log(`  ${label}`);
if (silent.length > 0) {
  failed += silent.length;
  console.log(`No report from: ${silent.join(', ')} (counted as failed).`);
}
console.log(`${passed} passed, ${failed} failed`);
process.exit(status !== 0 || failed > 0 ? 1 : 0);
