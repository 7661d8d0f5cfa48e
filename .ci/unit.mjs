/**
 * A fixed piece of work, about 0.7 CPU-seconds on an idle machine: what tests do most (objects, JSON, maps, sorting,
 * texts, hashes), on more memory than a core has cache. Prints its CPU-seconds. A busy machine takes more CPU-seconds
 * for the same work, so `.ci/cpu.json` counts in pieces of it. A change of this file changes every figure there.
 */
import { createHash } from 'node:crypto';
import { gzipSync } from 'node:zlib';

const ROWS = 40_000;
const ROUNDS = 4;

function piece() {
  let state = 1;
  const next = (below) => (state = (state * 48_271) % 0x7fffffff) % below;
  const rows = Array.from({ length: ROWS }, (_, at) => ({
    id: `m-${next(1_000_000)}`,
    at,
    code: [next(97), `c${next(997)}`],
    text: 'x'.repeat(next(40)),
  }));
  const text = JSON.stringify(rows);
  const again = JSON.parse(text);
  const byCode = Map.groupBy(again, ({ code }) => code[1]);
  again.sort((a, b) => (a.id < b.id ? -1 : 1));
  createHash('sha256')
    .update(text.replace(/\d+/g, (digits) => digits.length))
    .digest();
  return gzipSync(text, { level: 1 }).length + byCode.size;
}

for (let round = 0; round < ROUNDS; round++) piece();
const { user, system } = process.cpuUsage();
// As text, because console.log colours a number where FORCE_COLOR is set.
console.log(String((user + system) / 1e6));
