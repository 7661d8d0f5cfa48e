/**
 * Last lines of `.ci/run`: every failed step, then what the runners counted together. Usage: summary.mjs LOG … --
 * FAILED-STEP …
 */
import { existsSync, readFileSync } from 'node:fs';

const split = process.argv.indexOf('--');
const logs = process.argv.slice(2, split);
const failedSteps = process.argv.slice(split + 1);
const total = { passed: 0, failed: 0, flaky: 0, restored: 0 };
const COUNTS = /^(\d+) flaky, (\d+) results restored from the cache\n(\d+) passed, (\d+) failed$/m;
for (const log of logs) {
  const found = COUNTS.exec(existsSync(log) ? readFileSync(log, 'utf8') : '');
  // A runner that ended without its last lines has failed, whatever it printed before.
  const [flaky, restored, passed, failed] = found === null ? [0, 0, 0, 1] : found.slice(1).map(Number);
  if (found === null) console.log(`FAILED ${log.split('/').at(-1)}: it ended without a count, see its output above`);
  total.flaky += flaky;
  total.restored += restored;
  total.passed += passed;
  total.failed += failed;
}
for (const step of failedSteps) console.log(`FAILED step "${step}"`);
// A step without a count, e.g. lint, is one failure; a runner has counted its own.
const failed = Math.max(total.failed, failedSteps.length);
console.log(`${total.flaky} flaky, ${total.restored} results restored from the cache`);
console.log(`${total.passed} passed, ${failed} failed`);
process.exit(failed > 0 ? 1 : 0);
