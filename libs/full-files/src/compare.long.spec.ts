import { expect, test } from 'vitest';
import { measuredCompare } from '../test/measured-compare.ts';

test('A78 a million rows are compared in constant memory', async () => {
  const rows = 1_000_000;
  const { found, grownBytes } = await measuredCompare(rows);
  console.log(`the heap grew by ${(grownBytes / 1e6).toFixed(1)} MB over ${rows * 0.9} rows`);
  expect(found).toMatchObject({ rows, held: rows, added: rows / 100, ended: rows / 100, changed: rows / 10 });
  expect(grownBytes).toBeLessThan(9_000_000);
}, 3_600_000);
