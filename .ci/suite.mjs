#!/usr/bin/env node
/**
 * Runs one suite (a vitest project) of the package in the current folder and leaves `test-report.<suite>.json`, from
 * which the runners of `.ci` count. Beside vitest's own report the file says which run wrote it and how many
 * CPU-seconds the suite took. Usage: `node ../../.ci/suite.mjs SUITE [vitest arguments]`.
 *
 * With `SECOND_CHANCE=true`, which the runners set, each failed file runs once more, alone. A file that passes then is
 * listed as flaky. More files than may be flaky get no second chance, because they are broken. The exit code stays 1,
 * because Nx caches what exits with 0 and a flaky result must not be cached. The runners decide by the report.
 */
import { spawn } from 'node:child_process';
import { readFileSync, rmSync, writeFileSync } from 'node:fs';
import { relative, resolve } from 'node:path';
import { cpuOfChildren } from './cpu.mjs';
import { MOST_FLAKY, reportOf } from './report.mjs';

const [name, ...args] = process.argv.slice(2);
const secondChance = process.env.SECOND_CHANCE === 'true';

let child;
for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP']) process.on(signal, () => child?.kill(signal));

async function vitest(report, more) {
  rmSync(report, { force: true });
  const code = await new Promise((done) => {
    child = spawn(
      'vitest',
      [
        'run',
        '--project',
        name,
        '--reporter=default',
        '--reporter=json',
        `--outputFile.json=${resolve(report)}`,
        ...more,
      ],
      { stdio: 'inherit' },
    );
    child.once('error', () => done(1));
    child.once('close', (exit) => done(exit ?? 1));
  });
  try {
    return { code, report: JSON.parse(readFileSync(report, 'utf8')) };
  } catch {
    return { code, report: undefined };
  }
}

const file = reportOf(name);
const first = await vitest(file, args);
if (first.report === undefined) process.exit(1);
const flaky = [];
if (secondChance && first.code !== 0) {
  const failures = [...first.report.testResults.entries()].filter(([, { status }]) => status === 'failed');
  for (const [i, failed] of failures.length > MOST_FLAKY + 1 ? [] : failures) {
    const again = await vitest(`${file}.again`, [relative(process.cwd(), failed.name)]);
    rmSync(`${file}.again`, { force: true });
    if (again.code !== 0 || again.report?.testResults.length !== 1) continue;
    flaky.push({ file: failed.name, first: failed });
    first.report.testResults[i] = again.report.testResults[0];
  }
}
const failedTests = first.report.testResults.some((result) => result.status === 'failed');
// vitest also exits with 1 for what no test reports, e.g. an unhandled rejection.
const unreported = first.code !== 0 && !failedTests && flaky.length === 0;
writeFileSync(
  file,
  JSON.stringify({
    ...first.report,
    suite: name,
    run: process.env.TEST_RUN_ID,
    cpuSeconds: cpuOfChildren(),
    flaky,
    unreported,
  }),
);
process.exit(first.code);
