import { expect, test } from 'vitest';
import { measuredImport, OF_WINDOWS } from '../../test/measured-import.ts';

/** `memory.long.spec.ts` imports a million rows. */
test.each([
  { name: 'UTF-8', form: undefined },
  { name: 'Windows-1252', form: OF_WINDOWS },
])(
  'ten thousand rows of $name need no more memory than a thousand',
  async ({ form }) => {
    const { report, grownBytes, refused } = await measuredImport(10_000, form);
    expect(report).toMatchObject({ rows: 10_000, accepted: 9_900, refused: 100 });
    expect(refused).toHaveLength(101);
    // 9,000 rows that are kept with their events would be more than this.
    expect(grownBytes).toBeLessThan(3_000_000);
  },
  // A busy machine is slow.
  600_000,
);
