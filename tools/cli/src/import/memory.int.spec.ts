import { expect, test } from 'vitest';
import { measuredImport } from '../../test/measured-import.ts';

/** `memory.long.spec.ts` imports a million rows. */
test(
  'ten thousand rows need no more memory than a thousand',
  async () => {
    const { report, grownBytes } = await measuredImport(10_000);
    expect(report).toMatchObject({ rows: 10_000, accepted: 9_900, refused: 100 });
    // 9,000 rows that are kept with their events would be more than this.
    expect(grownBytes).toBeLessThan(3_000_000);
  },
  // A busy machine is slow.
  600_000,
);
