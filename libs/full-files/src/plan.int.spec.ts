import { expect, test } from 'vitest';
import { isNpi } from '@provider-access/events';
import { fileOf, HeldInMemory } from '../test/files.ts';
import { batchOf } from './events.ts';
import { IMPORT_KINDS } from './kinds.ts';
import { NO_MAP } from './map.ts';
import { type FullFile, planOf } from './plan.ts';

function fullFileOf(kind: 'roster' | 'network', lines: readonly string[]): FullFile {
  const file = fileOf(`${kind}.csv`, lines);
  const about = { kind: IMPORT_KINDS[kind], map: NO_MAP, time: new Date().toISOString() };
  return { file: { file, ...about }, kind, source: 'north', asOf: '2026-11-01' };
}
/** The one of ten digits that begins with these nine and has a right check digit. */
const npiOf = (nine: number): string => Array.from({ length: 10 }, (_, last) => `${nine}${last}`).find(isNpi)!;

test('A76 an import after an undo has a name that nobody has taken back', () => {
  const about = { kind: 'network', source: 'north', asOf: '2026-11-01' } as const;
  const name = batchOf(about, 'a'.repeat(64), []);
  expect(name).toBe('network.north.2026-11-01.aaaaaaaaaa');
  // Also after an import that was interrupted, and never complete.
  for (const known of [[name], [name, `undo.${name}`], [`undo.${name}`]])
    expect(batchOf(about, 'a'.repeat(64), known)).toBe(`${name}-2`);
  expect(batchOf(about, 'a'.repeat(64), [name, `undo.${name}`, `${name}-2`, `undo.${name}-2`])).toBe(`${name}-3`);
});

test('A78 a plan tells how far it is, and asks for forecasts of a few hundred rows', async () => {
  const holdings = new HeldInMemory();
  const rows = Array.from({ length: 2_100 }, (_, n) => `m-${n},1234567893,2026-01-01`);
  const told: string[] = [];
  const plan = await planOf(fullFileOf('roster', ['member,npi,from', ...rows]), holdings, (text) => told.push(text));
  plan.close();
  expect(plan.report).toMatchObject({ rows: 2_100, added: 2_100, first: true, reasons: [] });
  expect(told.filter((text) => text.endsWith('rows read'))).toHaveLength(2_100);
  expect(told.at(-1)).toBe('2000 members compared');
  expect(holdings.forecasts).toEqual([500, 500, 500, 500, 100]);
});

test('A72 A73 changes of a network are foreseen together, and too many of them need a confirmation', async () => {
  const rows = Array.from({ length: 20_001 }, (_, n) => `${npiOf(130_000_000 + n)},in-network,2026-01-01`);
  const planned = async (count: number) => {
    const holdings = new HeldInMemory();
    const file = fullFileOf('network', ['npi,status,from', ...rows.slice(0, count)]);
    const { report, close } = await planOf(file, holdings);
    close();
    return { report, forecasts: holdings.forecasts };
  };
  const few = await planned(3_000);
  expect([few.forecasts, few.report.unforeseen, few.report.reasons]).toEqual([[3_000], 0, []]);
  const many = await planned(20_001);
  expect([many.forecasts, many.report.unforeseen]).toEqual([[], 20_001]);
  expect(many.report.reasons).toEqual([expect.stringContaining('20001 changes of the network are too many')]);
});
