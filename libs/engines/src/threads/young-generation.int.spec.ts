import { setFlagsFromString } from 'node:v8';
import type { Worker } from 'node:worker_threads';
import { expect, test } from 'vitest';
import { startThread } from './thread-pool.ts';
import { semiSpaceOf, withYoungGeneration } from './young-generation.ts';

const MB = 1024 * 1024;
const file = new URL('../../test/threads/heap-worker.ts', import.meta.url);

/** Bytes of the young generation of a thread that makes many objects. */
async function youngOf(start: () => Worker): Promise<number> {
  const worker = start();
  try {
    const answer = new Promise<{ readonly value: number }>((resolve, reject) => {
      worker.once('message', resolve);
      worker.once('error', reject);
    });
    worker.postMessage(1_000_000);
    return (await answer).value;
  } finally {
    await worker.terminate();
  }
}

test('gives a thread the young generation that it asks for, and the next thread that of the process', async () => {
  setFlagsFromString('--max-semi-space-size=1');
  const limited = (): Worker => startThread(file, { resourceLimits: { maxYoungGenerationSizeMb: 48 } });
  try {
    // The heap reports the young generation in whole pages: at most 4 MB for a semi-space of 1 MB.
    expect(await youngOf(limited)).toBeLessThan(8 * MB);
    expect(await youngOf(() => withYoungGeneration(48, 1, limited))).toBeGreaterThan(8 * MB);
    expect(await youngOf(limited)).toBeLessThan(8 * MB);
  } finally {
    setFlagsFromString('--max-semi-space-size=16');
  }
});

test.each([
  [['--max-semi-space-size=8', '--enable-source-maps'], 8],
  [['--conditions=x', '--cpu-prof --max_semi_space_size=32'], 32],
  [['--conditions=x', ''], undefined],
])('reads the flag of the process from %j', (args, expected) => {
  expect(semiSpaceOf(args)).toBe(expected);
});
