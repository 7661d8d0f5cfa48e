import { expect, test } from 'vitest';
import type { DomainEvent } from '@provider-access/events';
import { HeldInMemory } from '../test/files.ts';
import type { HeldRow } from './holdings.ts';
import { batchNamed, undoBatch, undoPlanOf } from './undo.ts';

const BATCH = 'roster.north.2026-11-01.0123456789';
const batch = batchNamed(BATCH);
const row = (subject: string, more: Partial<HeldRow> = {}): HeldRow => ({
  subject,
  key: '["npi|1234567893",null]',
  row: { npi: '1234567893', from: '2026-01-01' },
  batch: BATCH,
  asOf: '2026-11-01',
  time: '2026-11-01T10:00:00.000Z',
  ...more,
});
const before = { batch: BATCH, asOf: '2026-11-01', time: '2026-11-01T10:00:00.000Z', row: null };
const ROWS = [row('m-1'), row('m-2'), row('m-3', { batch: 'roster.north.2026-11-15.0123456789', before })];

async function planned(rows: readonly HeldRow[]) {
  const { report, close } = await undoPlanOf(batch, { holdings: new HeldInMemory(rows) });
  close();
  return report;
}

test('A77 an undo says what it would take back, under a number of this state', async () => {
  const report = await planned(ROWS);
  expect(report).toMatchObject({
    by: `undo.${BATCH}`,
    rows: 2,
    kept: 1,
    members: 2,
    since: '2026-11-01T10:00:00.000Z',
  });
  expect(report.number).toMatch(/^\d{5}-\d{5}$/);
  expect(await planned(ROWS)).toEqual(report);
  for (const other of [ROWS.slice(1), [row('m-1', { before }), ...ROWS.slice(1)], [...ROWS, row('m-4')]])
    expect((await planned(other)).number).not.toBe(report.number);
});

test('A77 the event that ends an undo comes after its rows, in a publication of its own', async () => {
  const published: string[][] = [];
  const told: string[] = [];
  const undone = await undoBatch(
    batch,
    {
      holdings: new HeldInMemory(ROWS),
      async publish(events: AsyncIterable<DomainEvent>, onAccepted) {
        const types: string[] = [];
        for await (const event of events) {
          types.push(event.type);
          onAccepted?.(types.length);
        }
        published.push(types);
      },
    },
    (text) => told.push(text),
  );
  const given: string[] = [];
  for await (const member of undone.given) given.push(member);
  undone.close();
  const end = 'payer.attribution-ended.v1';
  expect([published, given]).toEqual([
    [[end, end], ['payer.file-imported.v1']],
    ['m-1', 'm-2'],
  ]);
  expect(told.at(-1)).toBe('2 rows published');
});
