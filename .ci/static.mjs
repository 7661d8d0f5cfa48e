#!/usr/bin/env node
/**
 * What is checked without a test: types of everything, ESLint, unused code, form. Each check is one process for the
 * whole repository, because a process for each project loads the same files again and again. Two lanes of about equal
 * length. A failed check does not stop the others; its output is printed.
 */
import { spawn } from 'node:child_process';
import { cpuOfChildren, judgeCpu, measureUnit, printCpu } from './cpu.mjs';
import { root } from './report.mjs';

const LANES = [
  [
    ['npm', 'run', '--silent', 'typecheck'],
    ['npm', 'run', '--silent', 'format:check'],
    ['npm', 'run', '--silent', 'unused'],
  ],
  [['npx', 'eslint', '.']],
];

const check = ([command, ...args]) =>
  new Promise((resolve) => {
    const child = spawn(command, args, { cwd: root, stdio: ['ignore', 'pipe', 'pipe'] });
    let output = '';
    for (const stream of [child.stdout, child.stderr])
      stream.setEncoding('utf8').on('data', (text) => (output += text));
    child.once('error', (error) => resolve(fail(String(error))));
    child.once('close', (code) => {
      if (code !== 0) fail(`${[command, ...args].join(' ')}: exit code ${code}\n${output}`);
      resolve();
    });
  });
function fail(text) {
  process.exitCode = 1;
  console.log(`FAILED ${text}`);
}

const unitBefore = await measureUnit()();
const before = cpuOfChildren();
await Promise.all(
  LANES.map(async (lane) => {
    for (const one of lane) await check(one);
  }),
);
const after = cpuOfChildren();
const unit = (unitBefore + (await measureUnit()())) / 2;
judgeCpu(printCpu({ 'repository:static': after === undefined ? undefined : after - before }, unit), fail);
