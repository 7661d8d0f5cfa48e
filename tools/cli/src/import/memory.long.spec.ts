import { expect, test } from 'vitest';
import { measuredImport } from '../../test/measured-import.ts';

test('a million rows are imported in constant memory', async () => {
  const { report, grownBytes } = await measuredImport(1_000_000);
  expect(report).toMatchObject({ rows: 1_000_000, accepted: 990_000, refused: 10_000 });
  console.log(`the heap grew by ${(grownBytes / 1e6).toFixed(1)} MB over 900,000 rows`);
  // Ten bytes a row.
  expect(grownBytes).toBeLessThan(9_000_000);
}, 3_600_000);
