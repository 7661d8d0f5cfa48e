#!/usr/bin/env node
/**
 * `npm run test:cluster`: every `*.cluster.spec.ts`: the chart through Helm and kubeconform, and the installed platform on a
 * Kubernetes API server of the test's own. Go builds these programs when they are not in the cache: about 15 minutes on two
 * idle cores, once. Ends with `N passed, N failed` as `npm test` does. Arguments go to vitest, e.g. `-- src/chart`.
 */
import { spawn, spawnSync } from 'node:child_process';
import { relative } from 'node:path';
import { clusterSpecs, count, print, projects, removeReports, requireNode24, root } from './report.mjs';

const REPORT = 'test-report.cluster.json';
requireNode24();
const chosen = projects.filter((dir) => clusterSpecs(dir).length > 0);
removeReports(chosen, REPORT);
const started = Date.now();

if (spawnSync('go', ['version'], { stdio: 'ignore' }).status !== 0 && process.env.CI !== 'true') {
  const files = chosen.flatMap(clusterSpecs).map((file) => relative(root, file));
  print({ passed: 0, failed: 0, skipped: files.map((file) => `${file}: Go is not here, which builds Helm and the control plane`), slow: [], silent: [] }, 0);
  process.exit(0);
}
// What runs in the cluster is what was built.
if (spawnSync('npm', ['run', '--silent', 'build'], { cwd: root, stdio: 'inherit' }).status !== 0) process.exit(1);

let child;
let interrupted = false;
for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP']) {
  process.on(signal, () => {
    interrupted = true;
    child?.kill('SIGTERM');
  });
}
let failed = false;
for (const dir of chosen) {
  if (interrupted) break;
  console.log(`\n== specs of the cluster: ${relative(root, dir)}`);
  const code = await new Promise((resolve) => {
    child = spawn('npx', ['vitest', 'run', ...process.argv.slice(2)], { cwd: dir, stdio: 'inherit', env: { ...process.env, RUN_CLUSTER: '1', TEST_REPORT: REPORT } });
    child.once('error', () => resolve(1));
    child.once('close', (ended) => resolve(ended ?? 1));
  });
  failed = code !== 0 || failed;
}
const counted = count(chosen, REPORT);
print(counted, Date.now() - started);
process.exit(interrupted || failed || counted.failed > 0 ? 1 : 0);
