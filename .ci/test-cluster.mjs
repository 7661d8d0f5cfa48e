#!/usr/bin/env node
/**
 * `npm run test:cluster`: every `*.cluster.spec.ts` (the chart through Helm and kubeconform), then, in a cluster of the test's own
 * (e2e/cluster/README.md), every `*.installed.spec.ts` and the scenarios of e2e through the ingress. Go builds these programs when
 * they are not in the cache: about 15 minutes on two idle cores, once. Ends with `N passed, N failed` as `npm test` does. Arguments
 * name the files that vitest runs, e.g. `-- src/chart`.
 */
import { spawn, spawnSync } from 'node:child_process';
import { join, relative } from 'node:path';
import { whyNot } from '../e2e/src/cluster/namespace.ts';
import { clusterSpecs, count, installedSpecs, print, projects, removeReports, requireNode24, root, sum } from './report.mjs';

requireNode24();
const started = Date.now();
const files = process.argv.slice(2);
const e2e = [join(root, 'e2e')];
const skipped = (specs, why) => specs.map((file) => `${relative(root, file)}: ${why}`);
if (spawnSync('go', ['version'], { stdio: 'ignore' }).status !== 0 && process.env.CI !== 'true') {
  const why = 'Go is not here, which builds Helm and the control plane';
  print({ passed: 0, failed: 0, skipped: skipped(projects.flatMap((dir) => [...clusterSpecs(dir), ...installedSpecs(dir)]), why), slow: [], silent: [] }, 0);
  process.exit(0);
}
// What runs in the cluster is what was built.
if (spawnSync('npm', ['run', '--silent', 'build'], { cwd: root, stdio: 'inherit' }).status !== 0) process.exit(1);

let child;
let interrupted = false;
for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP']) {
  process.on(signal, () => {
    interrupted = true;
    // A cluster ends with the process that holds its namespace, which hears nothing but this.
    child?.kill(child.spawnfile.endsWith('cluster/run') ? 'SIGKILL' : 'SIGTERM');
  });
}
const run = (dir, command, args, env) =>
  new Promise((resolve) => {
    child = spawn(command, args, { cwd: dir, stdio: 'inherit', env: { ...process.env, ...env } });
    child.once('error', () => resolve(1));
    child.once('close', (code) => resolve(code ?? 1));
  });

const results = [];
async function pass(name, dirs, report, command, args, env) {
  removeReports(dirs, report);
  let failed = false;
  for (const dir of dirs) {
    if (interrupted) break;
    console.log(`\n== ${name}: ${relative(root, dir)}`);
    failed = (await run(dir, command, args, env)) !== 0 || failed;
  }
  results.push({ failed, counted: count(dirs, report) });
}

// Every alert by its fault takes some minutes, and is a pass of its own.
const faults = process.env.WATCH_FAULTS === '1';
await pass('specs of the chart', projects.filter((dir) => clusterSpecs(dir).length > 0), 'test-report.cluster.json', 'npx', ['vitest', 'run', ...(faults ? ['--exclude', '**/faults-of-*'] : []), ...files], { RUN_CLUSTER: '1', WATCH_FAULTS: '' });
if (faults) await pass('alerts by their faults', e2e, 'test-report.faults.json', 'npx', ['vitest', 'run', '--passWithNoTests', ...files], { RUN_CLUSTER: '1', TEST_REPORT: 'test-report.faults.json' });

const problem = whyNot();
if (problem === undefined || process.env.CI === 'true') {
  const reports = { installed: 'test-report.installed.json', scenarios: 'test-report.scenarios.json' };
  removeReports(e2e, reports.scenarios);
  // One cluster for both.
  const both = `RUN_INSTALLED=1 npx vitest run "$@"; a=$?; E2E_DEPLOYMENT=cluster TEST_REPORT=${reports.scenarios} npx vitest run --passWithNoTests "$@"; b=$?; exit $((a | b))`;
  await pass('in a cluster', e2e, reports.installed, join(root, 'e2e/cluster/run'), ['sh', '-c', both, 'vitest', ...files], {});
  results.push({ failed: false, counted: count(e2e, reports.scenarios) });
} else {
  results.push({ failed: false, counted: { passed: 0, failed: 0, skipped: [...skipped(installedSpecs(e2e[0]), problem), `the scenarios of e2e through the ingress: ${problem}`], slow: [], silent: [] } });
}

const counted = sum(results.map((result) => result.counted));
print(counted, Date.now() - started);
process.exit(interrupted || counted.failed > 0 || results.some((result) => result.failed) ? 1 : 0);
