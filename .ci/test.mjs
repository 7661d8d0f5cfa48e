#!/usr/bin/env node
/**
 * `npm test`: builds, runs every project's tests through Nx, then says in one place what ran, what was skipped and why,
 * and which ten tests were the slowest. Ends with `N passed, N failed`. What needs real
 * engines is `npm run test:engines`, what needs Helm or an API server `npm run test:cluster`.
 */
import { spawnSync } from 'node:child_process';
import { clusterSpecs, count, engineSpecs, installedSpecs, print, projects, removeReports, requireNode24, root } from './report.mjs';

const REPORT = 'test-report.json';
requireNode24();
removeReports(projects, REPORT);

const env = { ...process.env, NX_DAEMON: 'false', NX_TUI: 'false' };
const run = (command, args) => spawnSync(command, args, { cwd: root, stdio: 'inherit', env }).status ?? 1;
if (run('npm', ['run', '--silent', 'build']) !== 0) process.exit(1);
const started = Date.now();
// One project at a time: each test run uses both cores, and timings stay comparable.
const status = run('npx', ['nx', 'run-many', '-t', 'test', '--parallel=1', '--output-style=static', '--nxBail=false', ...process.argv.slice(2)]);

const counted = count(projects, REPORT);
const waiting = (files, why) => {
  if (files.length > 0) counted.skipped.push(`${files.length} files ${why}`);
};
waiting(projects.flatMap(engineSpecs), '*.engine.spec.ts: they need a real Kafka and a MongoDB-compatible server, run them with `npm run test:engines`');
waiting(projects.flatMap(clusterSpecs), '*.cluster.spec.ts: they need Helm, which Go builds once; run them with `npm run test:cluster`');
waiting(projects.flatMap(installedSpecs), '*.installed.spec.ts: they need a Kubernetes API server, which Go builds once, root and Linux; run them with `npm run test:cluster`');
print(counted, Date.now() - started);
process.exit(status !== 0 || counted.failed > 0 ? 1 : 0);
