#!/usr/bin/env node
/**
 * `npm run test:long`: the suites that take too long for each change, before a release. `npm run test:long -- kills
 * rolls` runs those two only; arguments with a dash go to vitest. Random seeds are new in each run and are printed:
 * `TEST_SEED=4711 npm run test:long -- kills` repeats one. A suite that fails or cannot start stops no other one. Each
 * suite prints its result when it ends, and a summary that can be pasted follows them all, with `N passed, N failed` as
 * the last line. docs/testing.md says what each suite protects.
 */
import { spawn, spawnSync } from 'node:child_process';
import { randomInt, randomUUID } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { join, relative } from 'node:path';
import { whyNot } from '@provider-access/cluster';
import { startEngines } from '@provider-access/testing';
import { count, fail, nothing, print, projects, removeReports, requireNode24, root, specs, sum } from './report.mjs';

requireNode24();
const e2e = [join(root, 'e2e')];
const holding = (kinds, text) =>
  projects.filter((dir) =>
    kinds
      .flatMap((kind) => specs(kind)(dir))
      .some((file) => text === undefined || text.test(readFileSync(file, 'utf8'))),
  );

/**
 * Each suite is one or more vitest projects in some packages. `engines`: Kafka, MongoDB and S3 are up. `cluster`: it
 * runs inside tools/cluster/run.
 */
const SUITES = {
  properties: { dirs: holding(['unit', 'int'], /fast-check|testing\/variant/) },
  model: { dirs: holding(['model']) },
  'model-processes': { dirs: e2e, engines: true },
  foreign: { dirs: e2e },
  kills: { dirs: e2e },
  'engine-kills': { dirs: e2e, engines: true },
  long: { dirs: holding(['long']), engines: true },
  processes: { dirs: e2e, engines: true },
  outages: { dirs: e2e, engines: true },
  rolls: { dirs: e2e, engines: true },
  alerts: { dirs: e2e },
  looks: { dirs: [join(root, 'services/portal')] },
  cluster: { dirs: e2e, cluster: true },
  scenarios: { dirs: e2e, cluster: true },
};

const named = process.argv.slice(2).filter((arg) => !arg.startsWith('-'));
const vitestArgs = process.argv.slice(2).filter((arg) => arg.startsWith('-'));
const unknown = named.filter((name) => SUITES[name] === undefined);
if (unknown.length > 0) {
  console.error(`There is no long suite ${unknown.join(', ')}. Suites: ${Object.keys(SUITES).join(', ')}.`);
  process.exit(1);
}

let child;
let interrupted = false;
for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP']) {
  process.on(signal, () => {
    interrupted = true;
    // A cluster ends with the process that holds its namespaces, and that process ignores any other signal.
    child?.kill(child.spawnfile.endsWith('cluster/run') ? 'SIGKILL' : 'SIGTERM');
  });
}
const runIn = (dir, command, args, env) =>
  new Promise((resolve) => {
    child = spawn(command, args, { cwd: dir, stdio: 'inherit', env: { ...process.env, ...env } });
    child.once('error', resolve);
    child.once('close', resolve);
  });

/** Runs one suite. @returns its counts; a suite that cannot run here is one skipped row that names the reason */
async function runSuite(name, env) {
  const { dirs, engines: onEngines, cluster } = SUITES[name];
  const counted = nothing();
  const problem = cluster ? whyNot() : undefined;
  if (problem !== undefined) {
    counted.skipped.push(`the suite ${name}: ${problem}`);
    return counted;
  }
  removeReports(dirs, name);
  if (cluster) {
    const code = await runIn(root, 'node', [...process.execArgv, 'e2e/src/cluster/prepare.ts'], {});
    if (code !== 0) throw new Error('e2e/src/cluster/prepare.ts could not fetch what the specs need');
  }
  const engines = onEngines ? await startEngines({ progress: (line) => console.log(line) }) : undefined;
  try {
    for (const dir of dirs) {
      if (interrupted) break;
      console.log(`\n== ${name}: ${relative(root, dir)}`);
      const suite = [join(root, '.ci/suite.mjs'), name, ...vitestArgs];
      if (cluster) await runIn(dir, join(root, 'tools/cluster/run'), ['node', ...suite], env);
      else await runIn(dir, 'node', suite, { ...engines?.env, ...env });
    }
  } finally {
    // The tests decide the result of the suite, also when an engine does not end in time.
    await engines?.stop().catch((error) => console.error(`The engines of ${name} did not stop: ${error}`));
  }
  return count(dirs, name, env.TEST_RUN_ID);
}

if (spawnSync('npm', ['run', '--silent', 'build'], { cwd: root, stdio: 'inherit' }).status !== 0) process.exit(1);
const started = Date.now();
const seed = process.env.TEST_SEED ?? String(randomInt(1, 1_000_000));
const run = randomUUID();
const rows = [];
const counts = [];
for (const name of named.length > 0 ? named : Object.keys(SUITES)) {
  if (interrupted) break;
  const begun = Date.now();
  let counted;
  try {
    counted = await runSuite(name, { TEST_SEED: seed, TEST_RUN_ID: run });
  } catch (error) {
    counted = nothing();
    fail(counted, `the suite ${name} could not run`, error instanceof Error ? error.message : String(error));
  }
  counts.push(counted);
  const cpu = Object.values(counted.cpu).reduce((n, seconds) => n + (seconds ?? 0), 0);
  const minutes = ((Date.now() - begun) / 60_000).toFixed(1);
  const { passed, failed, skipped } = counted;
  rows.push(`| ${name} | ${minutes} | ${Math.round(cpu)} | ${passed} | ${failed} | ${skipped.length} |`);
  // Whoever ends a run before its summary knows the suites so far.
  console.log(`\n== ${name}: ${passed} passed, ${failed} failed, ${skipped.length} skipped, ${minutes} minutes`);
}
const counted = sum(counts);
print(counted, Date.now() - started, () => {
  const commit = spawnSync('git', ['rev-parse', '--short', 'HEAD'], { cwd: root, encoding: 'utf8' }).stdout.trim();
  console.log(
    `\nLong suites at ${commit}, seed ${seed}:\n| suite | minutes | CPU-seconds | passed | failed | skipped ` +
      `|\n|---|---|---|---|---|---|\n${rows.join('\n')}\n`,
  );
});
process.exit(interrupted || counted.failed > 0 ? 1 : 0);
