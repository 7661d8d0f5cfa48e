import { mkdtempSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, expect, test } from 'vitest';
import { fullFileOf } from '../commands/full-import.ts';
import { IMPORT_KINDS } from '../import/kinds.ts';
import { NO_MAP } from '../import/map.ts';
import { AbsentRows, marksOf } from './absent-rows.ts';
import type { HeldRow } from './held.ts';

const folder = mkdtempSync(join(tmpdir(), 'pa-absent-'));
const at = (name: string): string => join(folder, name);
afterAll(() => rmSync(folder, { recursive: true }));

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
const write = (name: string, lines: readonly string[]): string => {
  writeFileSync(at(name), `${lines.join('\n')}\n`);
  return at(name);
};

test('A71 the opt-outs that a file lacks are listed for their owner, and end where a person has said yes', async () => {
  const list = new AbsentRows('portal', { out: at('absent.csv'), marks: new Map() });
  expect([list.take(heldRow('m1')), list.take(named)]).toEqual(['kept', 'kept']);
  list.end('');
  expect(statSync(at('absent.csv')).mode & 0o777).toBe(0o600);
  const [header, first, second] = readFileSync(at('absent.csv'), 'utf8').split('\n') as [string, string, string];
  // A spreadsheet runs no cell of it.
  expect(second).toMatch(/^"","\d{5}-\d{5}","'-m2","provider-specific","1000000004 12-3456789","2026-11-01"$/);
  const marked = write('marked.csv', [header, first, second.replace('""', ' YES ')]);
  const ends = new AbsentRows('portal', { marks: await marksOf(marked) });
  expect([ends.take(heldRow('m1')), ends.take(named)]).toEqual(['kept', 'ended']);
  ends.end(marked);
});

test('A71 a mark of an opt-out that another source states, or that has changed, refuses the file', async () => {
  const list = new AbsentRows('portal', { out: at('other.csv'), marks: new Map() });
  list.take(heldRow('m1'));
  list.end('');
  const marked = write(
    'other-marked.csv',
    readFileSync(at('other.csv'), 'utf8').trimEnd().replace('\n""', '\nyes').split('\n'),
  );
  const marks = await marksOf(marked);
  expect(marks.size).toBe(1);
  for (const [source, row] of [
    ['mail', heldRow('m1')],
    ['portal', heldRow('m2')],
    ['portal', heldRow('m1', { batch: 'opt-outs.portal.2026-11-15.0123456789' })],
    ['portal', heldRow('m1', { row: { scope: 'global', setBy: 'payer' } })],
  ] as const) {
    const ends = new AbsentRows(source, { marks });
    expect(ends.take(row)).toBe('kept');
    expect(() => ends.end(marked)).toThrow(/other-marked\.csv:2: no opt-out that the file lacks has this number/);
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
  await expect(marksOf(write('list.csv', lines))).rejects.toThrow(why);
});

test('A71 a list of ends is of opt-outs alone', () => {
  const file = { file: at('roster.csv'), kind: IMPORT_KINDS.roster, map: NO_MAP, time: '2026-11-01T00:00:00Z' };
  const options = { source: 'north-mso', asOf: '2026-11-01', ends: at('absent.csv') };
  expect(() => fullFileOf('roster', file, options)).toThrow(/--ends belongs to opt-outs/);
});
