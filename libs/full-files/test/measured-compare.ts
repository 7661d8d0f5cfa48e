import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';
import { compareRows, type Comparison } from '../src/compare.ts';
import type { HeldRow } from '../src/holdings.ts';
import { SortedRows } from '../src/sorted-rows.ts';

setFlagsFromString('--expose-gc');
const collect = runInNewContext('gc') as () => void;
function heap(): number {
  collect();
  return process.memoryUsage().heapUsed;
}

/** Row `n` of a roster whose rows come in no order. Every tenth member changed, and every hundredth is new. */
const nameOf = (n: number): string => `m-${String(n).padStart(8, '0')}`;
const KEY = '["npi|1234567893",null]';
const row = (from: string): Record<string, string> => ({ npi: '1234567893', from });

/** What the platform holds, in the order of members: without every hundredth of the file, and with as many others. */
async function* heldRows(rows: number, each: (n: number) => void): AsyncGenerator<HeldRow> {
  for (let n = 0; n < rows; n += 1) {
    each(n);
    const said = { key: KEY, batch: 'b', asOf: '2026-01-01', time: '2026-01-01T00:00:00.000Z' };
    if (n % 100 === 99) yield { ...said, subject: `${nameOf(n)}-gone`, row: row('2026-01-01') };
    else yield { ...said, subject: nameOf(n), row: row(n % 10 === 0 ? '2025-01-01' : '2026-01-01') };
  }
}

/** Compares so many rows. @returns the comparison, and how much the heap grew from a tenth of the rows to the last */
export async function measuredCompare(rows: number): Promise<{ found: Comparison; grownBytes: number }> {
  const sorted = new SortedRows();
  try {
    // 7919 is a prime that divides no power of ten, so each row comes once, far from its neighbours.
    for (let n = 0; n < rows; n += 1) {
      const at = (n * 7919) % rows;
      sorted.add({ subject: nameOf(at), key: KEY, line: n + 2, row: row('2026-01-01') });
    }
    let early: number | undefined;
    const held = heldRows(rows, (n) => {
      if (n === Math.floor(rows / 10)) early = heap();
    });
    const found = await compareRows(
      { file: 'roster.csv', absent: () => 'ended' },
      sorted.rows(),
      held,
      async () => undefined,
    );
    return { found, grownBytes: heap() - early! };
  } finally {
    sorted.close();
  }
}
