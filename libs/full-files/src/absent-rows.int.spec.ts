import { expect, test } from 'vitest';
import { fileOf } from '../test/files.ts';
import { ABSENT_HEADER, absentLine, AbsentRows, marksOf } from './absent-rows.ts';
import type { HeldRow } from './holdings.ts';

const heldRow = (subject: string, more: Partial<HeldRow> = {}): HeldRow => ({
  subject,
  key: '["global",null]',
  row: { scope: 'global', setBy: 'member' },
  batch: 'opt-outs.portal.2026-11-01.0123456789',
  asOf: '2026-11-01',
  time: '2026-11-01T00:00:00.000Z',
  ...more,
});
const named = heldRow('-m2', {
  key: '["provider-specific",[{"npi":"1000000004"}]]',
  row: { scope: 'provider-specific', targets: [{ npi: '1000000004' }, { tin: '12-3456789' }] },
});
/** The list of the rows that a file lacks, by line, and what became of them. */
function listOf(rows: readonly HeldRow[]): { readonly lines: readonly string[]; readonly taken: readonly string[] } {
  const lines = [ABSENT_HEADER];
  const list = new AbsentRows('portal', new Map(), (one) => lines.push(absentLine(one)));
  const taken = rows.map((row) => list.take(row));
  list.end('');
  return { lines, taken };
}

test('A71 the opt-outs that a file lacks are listed, and end where a person has said yes', async () => {
  const { lines, taken } = listOf([heldRow('m1'), named]);
  expect(taken).toEqual(['kept', 'kept']);
  const [header, first, second] = lines as [string, string, string];
  // A spreadsheet runs no cell of it.
  expect(second).toMatch(/^"","\d{5}-\d{5}","'-m2","provider-specific","1000000004 12-3456789","2026-11-01"$/);
  const marked = fileOf('marked.csv', [header, first, second.replace('""', ' YES ')]);
  const ends = new AbsentRows('portal', await marksOf(marked));
  expect([ends.take(heldRow('m1')), ends.take(named)]).toEqual(['kept', 'ended']);
  ends.end('marked.csv');
});

test('A71 a mark of an opt-out that another source states, or that has changed, refuses the file', async () => {
  const [header, first] = listOf([heldRow('m1')]).lines as [string, string];
  const marks = await marksOf(fileOf('other-marked.csv', [header, first.replace('""', 'yes')]));
  expect(marks.size).toBe(1);
  for (const [source, row] of [
    ['mail', heldRow('m1')],
    ['portal', heldRow('m2')],
    ['portal', heldRow('m1', { batch: 'opt-outs.portal.2026-11-15.0123456789' })],
    ['portal', heldRow('m1', { row: { scope: 'global', setBy: 'payer' } })],
  ] as const) {
    const ends = new AbsentRows(source, marks);
    expect(ends.take(row)).toBe('kept');
    expect(() => ends.end('other-marked.csv')).toThrow(
      /other-marked\.csv:2: no opt-out that the file lacks has this number/,
    );
  }
});

test.each([
  [
    'another word than yes',
    ['end,number,member', 'y,00000-00001,m1'],
    /list\.csv:2: the column "end" has "y": write yes/,
  ],
  ['no columns for it', ['member,scope', 'm1,global'], /has no columns "end" and "number"/],
  ['a row that cannot be read', ['end,number', 'yes,"1'], /list\.csv:2: a quote is not closed/],
])('A71 a list of ends with %s is refused', async (_, lines, why) => {
  await expect(marksOf(fileOf('list.csv', lines))).rejects.toThrow(why);
});
