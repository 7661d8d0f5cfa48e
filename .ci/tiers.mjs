#!/usr/bin/env node
/**
 * Runs the tiers that need more than npm: `engines` (contract and adapter suites, few faults), `world` (scenarios on
 * separate processes), `programs` (promtool, kubeconform, the image), `browser` (the pages for people in Chromium). All
 * of them, or those named as arguments. Brings the engines up when a tier needs them and they are not named in the
 * environment; they end with this process. Tests of engines wait half of their time, so two lanes run side by side:
 * each deployment has topics and a database of its own, and a spec that stops an engine starts its own. Nx restores a
 * tier of a project whose inputs have not changed. `--record` writes the cost of each suite to `.ci/cpu.json`. Other
 * arguments go to Nx: `npm run test:engines -- --projects=engines --skip-nx-cache`. Ends with `N passed, N failed`.
 * More than two flaky files fail the run.
 */
import { spawn, spawnSync } from 'node:child_process';
import { randomUUID } from 'node:crypto';
import { startEngines } from '@provider-access/testing';
import { judgeCpu, measureUnit, printCpu, recordCpu } from './cpu.mjs';
import {
  count,
  fail,
  limitFlaky,
  nothing,
  print,
  removeReports,
  requireNode24,
  root,
  sum,
  withTarget,
} from './report.mjs';

/** In turn: each lane takes as long as the other one. */
const TIERS = {
  engines: { engines: true, lane: 0 },
  world: { engines: true, lane: 0 },
  programs: { engines: false, lane: 1 },
  browser: { engines: false, lane: 1 },
};

requireNode24();
const named = process.argv.slice(2).filter((arg) => !arg.startsWith('-'));
const record = process.argv.includes('--record');
const nxArgs = process.argv.slice(2).filter((arg) => arg.startsWith('-') && arg !== '--record');
const unknown = named.filter((name) => TIERS[name] === undefined);
if (unknown.length > 0) {
  console.error(`There is no tier ${unknown.join(', ')}. Tiers: ${Object.keys(TIERS).join(', ')}.`);
  process.exit(1);
}
const tiers = named.length > 0 ? named : Object.keys(TIERS);
const onlyProjects = nxArgs
  .find((arg) => arg.startsWith('--projects='))
  ?.slice('--projects='.length)
  .split(',');
const chosen = (target) =>
  withTarget(target).filter(
    (dir) => onlyProjects === undefined || onlyProjects.some((name) => dir.endsWith(`/${name}`)),
  );

const run = randomUUID();
const children = new Set();
let interrupted = false;
for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP']) {
  process.on(signal, () => {
    interrupted = true;
    for (const child of children) child.kill('SIGTERM');
  });
}
const nx = (args, env) =>
  new Promise((resolve) => {
    const child = spawn('npx', ['nx', ...args], {
      cwd: root,
      stdio: 'inherit',
      env: {
        ...process.env,
        NX_DAEMON: 'false',
        NX_TUI: 'false',
        TEST_RUN_ID: run,
        SECOND_CHANCE: 'true',
        // As in `test.mjs`: Nx, vitest, and the platforms of the browser start many times.
        NODE_COMPILE_CACHE: `${root}/node_modules/.cache/provider-access-compiled`,
        ...env,
      },
    });
    const ended = () => {
      children.delete(child);
      resolve();
    };
    children.add(child);
    child.once('error', ended);
    child.once('close', ended);
  });

/** Runs tiers one after the other, each with one project at a time: most specs start processes that fill both cores. */
async function runInTurn(lane) {
  for (const tier of lane) {
    if (interrupted) return;
    const target = `test-${tier}`;
    const dirs = chosen(target);
    removeReports(dirs, tier);
    console.log(`\n== ${tier}`);
    const args = ['run-many', '-t', target, '--parallel=1', '--output-style=static', '--nxBail=false', ...nxArgs];
    // A tier that needs no engines may have a spec that uses them if they are there.
    await nx(args, engines?.env);
    counts.push(count(dirs, tier, run));
  }
}

const started = Date.now();
let engines;
let unitOfRun;
const counts = [];
try {
  // The scenarios start built processes; everything else runs from source.
  if (spawnSync('npm', ['run', '--silent', 'build'], { cwd: root, stdio: 'inherit' }).status !== 0)
    throw new Error('The build failed.');
  unitOfRun = measureUnit();
  if (tiers.some((tier) => TIERS[tier].engines))
    engines = await startEngines({ progress: (line) => console.log(line) });
  await Promise.all(
    [0, 1].map((lane) =>
      runInTurn(Object.keys(TIERS).filter((tier) => TIERS[tier].lane === lane && tiers.includes(tier))),
    ),
  );
} catch (error) {
  const counted = nothing();
  fail(counted, 'the tiers could not run', error instanceof Error ? error.message : String(error));
  counts.push(counted);
} finally {
  await engines?.stop();
}
const counted = limitFlaky(sum(counts));
if (unitOfRun !== undefined) {
  const unit = await unitOfRun();
  if (record) recordCpu(counted.cpu, unit);
  judgeCpu(printCpu(counted.cpu, unit), (message) => fail(counted, 'the cost of the tests', message));
}
print(counted, Date.now() - started);
process.exit(interrupted || counted.failed > 0 ? 1 : 0);
