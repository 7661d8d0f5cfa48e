import { expect, test } from 'vitest';
import { fileOf, HeldInMemory } from '../test/files.ts';
import { FileFault, type FileFaultDetail } from './fault.ts';
import type { Imported } from './holdings.ts';
import { IMPORT_KINDS } from './kinds.ts';
import { mapOf, NO_MAP } from './map.ts';
import { type FullFile, planOf } from './plan.ts';
import { batchNamed } from './undo.ts';

const HEADER = 'member,npi,from';
const ROW = 'm-1,1234567893,2026-01-01';
const LAST: Imported = { batch: 'b', asOf: '2026-11-15', digest: 'd', rows: 1, time: '2026-11-15T00:00:00Z' };

async function faultOf(work: () => unknown): Promise<FileFaultDetail> {
  const error = await Promise.resolve()
    .then(work)
    .then(
      () => undefined,
      (thrown: unknown) => thrown,
    );
  expect(error).toBeInstanceOf(FileFault);
  return (error as FileFault).detail;
}
const plan = (lines: readonly string[], more: Partial<FullFile> = {}, end?: string, imports: Imported[] = []) =>
  faultOf(() =>
    planOf(
      {
        file: {
          file: fileOf('roster.csv', lines, end),
          kind: IMPORT_KINDS.roster,
          map: NO_MAP,
          time: '2026-11-01T00:00:00Z',
        },
        kind: 'roster',
        source: 'north',
        asOf: '2026-11-01',
        ...more,
      },
      new HeldInMemory([], imports),
    ),
  );

test.each<[string, Promise<FileFaultDetail>, FileFaultDetail]>([
  ['no line break at its end', plan([HEADER, ROW], {}, ''), { code: 'cut' }],
  ['other rows than its sender says', plan([HEADER, ROW], { rows: 2 }), { code: 'rows-differ', rows: 1, expected: 2 }],
  ['no row', plan([HEADER]), { code: 'empty' }],
  ['no header', plan([]), { code: 'no-header' }],
  [
    'a column too few',
    plan(['Member,NPI,Begin', ROW]),
    { code: 'column-missing', attributes: ['from'], columns: ['Member', 'NPI', 'Begin'] },
  ],
  [
    'rows that cannot be read',
    plan([HEADER, 'm-1,1,2026-01-01', ROW, 'm-2,1234567893']),
    {
      code: 'faulty-rows',
      count: 2,
      rows: [
        { line: 2, column: 'npi', reason: expect.stringContaining('NPI') as string },
        { line: 4, reason: '2 cells, but the header has 3' },
      ],
    },
  ],
  [
    'one row in two forms',
    plan([HEADER, ROW, 'm-2,1234567893,2026-01-01', 'm-1,1234567893,2026-02-01']),
    { code: 'two-contents', lines: [2, 4] },
  ],
  ['each row twice', plan([HEADER, ROW, ROW]), { code: 'doubled' }],
  [
    'an earlier day than the last',
    plan([HEADER, ROW], {}, '\n', [LAST]),
    { code: 'older', asOf: '2026-11-01', last: '2026-11-15', batch: 'b' },
  ],
  [
    'a workbook',
    plan(['PK\u0003\u0004']),
    { code: 'no-csv', what: expect.stringContaining('Excel workbook') as string },
  ],
])('a file with %s has a fault that a page can say in its own words', async (_, found, wanted) => {
  expect(await found).toEqual(wanted);
});

test('a map and a name of an import have such faults too', async () => {
  const kind = IMPORT_KINDS.roster;
  expect(await faultOf(() => mapOf({ columns: { plan: 'x' } }, kind))).toEqual({
    code: 'map',
    faults: [expect.stringContaining('columns.plan is no attribute')],
  });
  expect(mapOf({ columns: { member: 'ID' } }, kind).columns).toEqual({ member: 'ID' });
  expect(await faultOf(() => batchNamed('x'))).toEqual({ code: 'no-batch' });
  expect(await faultOf(() => batchNamed('opt-outs.north.2026-11-01.0123456789'))).toEqual({ code: 'no-undo' });
});
