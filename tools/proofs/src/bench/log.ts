import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { openEmbeddedLog } from '@provider-access/engines/log/embedded';

/**
 * Appends and consumes records of 1.7 KB, 500 in a call. Usage: node --conditions=@provider-access/source
 * tools/proofs/src/bench/log.ts [records] [folder]
 */
const count = Number(process.argv[2] ?? 200_000);
const folder = mkdtempSync(join(process.argv[3] ?? tmpdir(), 'eventlog-bench-'));
const log = openEmbeddedLog({ file: join(folder, 'log.db') });
const value = JSON.stringify({ resource: 'x'.repeat(1680) });
const headers = {
  ce_specversion: '1.0',
  ce_id: 'e-123456789',
  ce_type: 'payer.resource-recorded.v1',
  ce_source: 'urn:payer:claims',
  ce_time: '2026-01-01T00:00:00Z',
  ce_subject: 'm-1',
  'content-type': 'application/json',
};

let cpu = process.cpuUsage();
let start = performance.now();
for (let i = 0; i < count; i += 1000) {
  const call = (from: number) =>
    log.append(
      'payer.member-events',
      Array.from({ length: 500 }, (_, j) => ({
        key: `m-${(from + j) % 997}`,
        partitionKey: `m-${(from + j) % 997}`,
        headers,
        value,
      })),
    );
  await Promise.all([call(i), call(i + 500)]);
}
// CPU time shows the cost of the code, even on a busy machine.
const rate = (): string => {
  const { user, system } = process.cpuUsage(cpu);
  return (
    `${Math.round(count / ((performance.now() - start) / 1000))}/s, ${Math.round(count / ((user + system) / 1e6))} ` +
    'a CPU second'
  );
};
console.log(`append ${rate()}`);

cpu = process.cpuUsage();
start = performance.now();
let seen = 0;
await new Promise<void>((resolve) => {
  void log.subscribe({
    group: 'bench',
    topics: ['payer.member-events'],
    handle: async (batch) => {
      seen += batch.records.length;
      if (seen >= count) resolve();
    },
  });
});
console.log(`consume ${rate()}`);

const singles = 300;
start = performance.now();
for (let i = 0; i < singles; i++) await log.append('pa.registry', [{ key: 'c', partitionKey: 'c', headers, value }]);
console.log(`single append, one after the other: ${((performance.now() - start) / singles).toFixed(2)} ms`);
await log.close();
rmSync(folder, { recursive: true });
