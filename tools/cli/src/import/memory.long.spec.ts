import { expect, test } from 'vitest';
import { measuredImport, OF_WINDOWS } from '../../test/measured-import.ts';

const ROWS = 1_000_000;
/** One in a hundred is at fault. */
const REFUSED = ROWS / 100;

test.each([
  { name: 'of UTF-8 with commas', form: undefined, recognised: { encoding: 'UTF-8', separator: ',' } },
  {
    name: 'of Windows-1252 with semicolons',
    form: OF_WINDOWS,
    recognised: { encoding: 'Windows-1252', separator: ';', ignoredColumns: ['Straße'] },
  },
])(
  'a million rows $name are imported in constant memory',
  async ({ form, recognised }) => {
    const { report, grownBytes, refused } = await measuredImport(ROWS, form);
    expect(report).toMatchObject({ rows: ROWS, accepted: ROWS - REFUSED, refused: REFUSED, ...recognised });
    console.log(`the heap grew by ${(grownBytes / 1e6).toFixed(1)} MB over ${ROWS * 0.9} rows`);
    // Ten bytes a row.
    expect(grownBytes).toBeLessThan(9_000_000);
    expect(refused).toHaveLength(REFUSED + 1);
    expect(refused.at(-1)).toBe(
      form === undefined ? 'm-999999,1234567890,2026-01-01' : 'm-999999;1234567890;2026-01-01;"Müller & Söhne; Köln"',
    );
  },
  3_600_000,
);
