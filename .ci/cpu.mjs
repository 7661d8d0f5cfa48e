/**
 * CPU-seconds of each suite beside the recorded ones (`.ci/cpu.json`). CPU time also grows on a busy machine, so growth
 * is a warning and no failure. An author who makes a suite more expensive on purpose records the new figure with `npm
 * test -- --record` or `npm run test:tiers -- --record`.
 */
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { root } from './report.mjs';

const FILE = join(root, '.ci/cpu.json');
/** Below this a suite is mostly the start of vitest, which varies more than the tests. */
const SMALL = 10;
const GROWN = 1.5;

const recorded = () => JSON.parse(readFileSync(FILE, 'utf8'));

export function printCpu(cpu) {
  const before = recorded();
  const rows = Object.entries(cpu)
    .filter(([, seconds]) => seconds !== undefined)
    .sort((a, b) => b[1] - a[1]);
  if (rows.length === 0) return;
  console.log('\nCPU-seconds of each suite that ran (recorded):');
  for (const [name, seconds] of rows)
    console.log(`  ${seconds.toFixed(0).padStart(5)} (${before[name] ?? 'not recorded'})  ${name}`);
  for (const [name, seconds] of rows) {
    if (before[name] !== undefined && seconds > SMALL && seconds > before[name] * GROWN) {
      console.log(
        `WARNING ${name} took ${seconds.toFixed(0)} CPU-seconds and ${before[name]} are recorded: find out why, or ` +
          'record the new figure.',
      );
    }
  }
}

export function recordCpu(cpu) {
  const rows = {
    ...recorded(),
    ...Object.fromEntries(
      Object.entries(cpu)
        .filter(([, seconds]) => seconds !== undefined)
        .map(([name, seconds]) => [name, Math.round(seconds)]),
    ),
  };
  writeFileSync(
    FILE,
    `${JSON.stringify(Object.fromEntries(Object.entries(rows).sort(([a], [b]) => (a < b ? -1 : 1))), undefined, 2)}\n`,
  );
}
