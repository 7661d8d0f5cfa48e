import { existsSync } from 'node:fs';
import { expect, test } from 'vitest';
import { measuredCompare } from '../test/measured-compare.ts';
import { SortedRows } from './sorted-rows.ts';

/** `compare.long.spec.ts` compares a million rows. */
test('A78 a hundred thousand rows are compared in the memory of a few', async () => {
  const rows = 100_000;
  const { found, grownBytes } = await measuredCompare(rows);
  expect(found).toMatchObject({ rows, held: rows, added: rows / 100, ended: rows / 100, changed: rows / 10, kept: 0 });
  // Ninety thousand rows that are kept would be more than ten times this.
  expect(grownBytes).toBeLessThan(3_000_000);
}, 600_000);

test('A78 the files of a comparison go away with it', () => {
  const sorted = new SortedRows();
  for (let line = 0; line < 60_000; line += 1) sorted.add({ subject: `m-${line}`, key: 'k', line, row: {} });
  expect(existsSync(sorted.folder)).toBe(true);
  sorted.close();
  expect(existsSync(sorted.folder)).toBe(false);
});
