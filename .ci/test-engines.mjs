#!/usr/bin/env node
/**
 * `npm run test:engines`: brings Kafka, a MongoDB-compatible server and an S3-compatible one up (fetched when they are not
 * there; those of KAFKA_BROKERS, MONGODB_URI and S3_ENDPOINT are used instead), runs every `*.engine.spec.ts` against them,
 * and takes them down whatever happens: they die with this process. Ends with `N passed, N failed` as `npm test` does.
 * Arguments name the projects to run, e.g. `npm run test:engines -- libs/eventlog`.
 */
import { spawn, spawnSync } from 'node:child_process';
import { relative } from 'node:path';
import { startEngines } from '@provider-access/testing';
import { count, engineSpecs, print, projects, removeReports, requireNode24, root, sum } from './report.mjs';

requireNode24();
const wanted = process.argv.slice(2);
for (const name of wanted.filter((one) => !projects.some((dir) => relative(root, dir) === one))) {
  console.error(`There is no project ${name}.`);
  process.exit(1);
}
const chosen = projects.filter((dir) => wanted.length === 0 || wanted.includes(relative(root, dir)));

const e2e = chosen.filter((dir) => relative(root, dir) === 'e2e');

/** A pass runs vitest once in each of its projects, one after the other, with its environment; `report` is what vitest leaves. */
const PASSES = [
  { name: 'specs of the engines', projects: chosen.filter((dir) => engineSpecs(dir).length > 0), report: 'test-report.engines.json', env: { RUN_ENGINES: '1' } },
  // The same scenarios as on the standalone, each next request to another instance.
  { name: 'the e2e suite on separate processes', projects: e2e, report: 'test-report.processes.json', env: { E2E_DEPLOYMENT: 'processes' } },
  // On the embedded engine a hundred kills; on the real ones e2e/src/kill.engine.spec.ts has twenty.
  { name: 'a hundred kills of the standalone', projects: e2e, report: 'test-report.kills.json', env: { E2E_KILLS: process.env.E2E_KILLS ?? '100' }, args: ['src/crash.e2e.spec.ts'] },
];

// The e2e suite speaks to built processes; everything else runs from source.
if (PASSES.some((pass) => pass.projects.some((dir) => relative(root, dir) === 'e2e')) && spawnSync('npm', ['run', '--silent', 'build'], { cwd: root, stdio: 'inherit' }).status !== 0) process.exit(1);

let child;
let interrupted = false;
for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP']) {
  process.on(signal, () => {
    interrupted = true;
    child?.kill('SIGTERM');
  });
}
const vitest = (dir, env, args = []) =>
  new Promise((resolve) => {
    child = spawn('npx', ['vitest', 'run', ...args], { cwd: dir, stdio: 'inherit', env });
    child.once('error', () => resolve(1));
    child.once('close', (code) => resolve(code ?? 1));
  });

/** vitest's own failures count too, e.g. an unhandled rejection after which every test passed. */
async function runPass(pass, env) {
  removeReports(pass.projects, pass.report);
  let failed = false;
  for (const dir of pass.projects) {
    if (interrupted) break;
    console.log(`\n== ${pass.name}: ${relative(root, dir)}`);
    failed = (await vitest(dir, { ...process.env, ...env, TEST_REPORT: pass.report, ...pass.env }, pass.args)) !== 0 || failed;
  }
  return { failed, counted: count(pass.projects, pass.report) };
}

let engines;
try {
  engines = await startEngines({ progress: (line) => console.log(line) });
} catch (error) {
  console.error(error instanceof Error ? error.message : error);
  console.log('0 passed, 1 failed');
  process.exit(1);
}
const started = Date.now();
const results = [];
try {
  for (const pass of PASSES) results.push(await runPass(pass, engines.env));
} finally {
  await engines.stop();
}
const counted = sum(results.map((result) => result.counted));
print(counted, Date.now() - started);
process.exit(interrupted || counted.failed > 0 || results.some((result) => result.failed) ? 1 : 0);
