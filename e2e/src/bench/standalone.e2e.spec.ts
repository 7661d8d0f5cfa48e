import { variant } from '@provider-access/testing/variant';
import { expect, test } from 'vitest';
import { benchStandalone } from './standalone.ts';

/** In the suite `long` as `npm run bench -- --small`. */
const SIZE = variant.long
  ? { members: 25, seconds: 2, starts: 3, optOuts: 200 }
  : { members: 6, seconds: 0.2, starts: 1, optOuts: 4 };

test('the bench of the standalone has each of its figures', async () => {
  const rows = await benchStandalone(SIZE);
  expect(rows.filter(({ value }) => !(value > 0 && Number.isFinite(value)))).toEqual([]);
  expect(rows.filter(({ ratio = 1 }) => !(ratio > 0 && Number.isFinite(ratio)))).toEqual([]);
  expect(rows.map(({ what }) => what)).toEqual([
    'start-up, fresh folder, median',
    'memory after start',
    'intake, to visible',
    'export and download',
    'export and download',
    'export until the last poll',
    'single reads with token and decision',
    'single reads, p99',
    '50-entry search pages',
    'opt-out to effect, p50',
    'opt-out to effect, p99',
    'memory, peak',
  ]);
}, 300_000);
