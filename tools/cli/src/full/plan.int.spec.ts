import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, expect, test } from 'vitest';
import { npiOf } from '@provider-access/synthetic';
import { TemporaryFault } from '../client/patience.ts';
import { Server } from '../client/server.ts';
import { IMPORT_KINDS } from '../import/kinds.ts';
import { NO_MAP } from '../import/map.ts';
import { batchOf } from './events.ts';
import { type FullFile, planOf } from './plan.ts';

const folder = mkdtempSync(join(tmpdir(), 'pa-plan-'));
afterAll(() => rmSync(folder, { recursive: true }));

/** Holds nothing of the source. It counts the events of each forecast. */
class Empty extends Server {
  readonly forecasts: number[] = [];
  /** So many of the next requests fail, as they do while the platform restarts. */
  failing = 0;
  #asked = 0;
  constructor() {
    super('http://127.0.0.1:9');
  }
  #fail(): void {
    // The first request tells whether the platform can be reached at all.
    this.#asked += 1;
    if (this.#asked === 1 || this.failing === 0) return;
    this.failing -= 1;
    throw new TemporaryFault(this.base, 'UND_ERR_SOCKET');
  }
  override async json<T>(): Promise<T> {
    this.#fail();
    return Promise.resolve({ imports: [], rows: [] } as T);
  }
  override async post<T>(_target: string, body: unknown): Promise<T> {
    this.#fail();
    this.forecasts.push((body as { readonly events: readonly unknown[] }).events.length);
    return Promise.resolve({ changes: [], lists: [] } as T);
  }
}
function fileOf(kind: 'roster' | 'network', lines: readonly string[]): FullFile {
  const file = join(folder, `${kind}.csv`);
  writeFileSync(file, `${lines.join('\n')}\n`);
  const time = new Date().toISOString();
  return { file: { file, kind: IMPORT_KINDS[kind], map: NO_MAP, time }, kind, source: 'north', asOf: '2026-11-01' };
}

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
  const server = new Empty();
  const rows = Array.from({ length: 2_100 }, (_, n) => `m-${n},1234567893,2026-01-01`);
  const told: string[] = [];
  const plan = await planOf(fileOf('roster', ['member,npi,from', ...rows]), { server, token: 't' }, (text) =>
    told.push(text),
  );
  plan.close();
  expect(plan.report).toMatchObject({ rows: 2_100, added: 2_100, first: true, reasons: [] });
  expect(told.filter((text) => text.endsWith('rows read'))).toHaveLength(2_100);
  expect(told.at(-1)).toBe('2000 members compared');
  expect(server.forecasts).toEqual([500, 500, 500, 500, 100]);
});

test('A78 a connection that ended while a large file was read costs a pause, and not the plan', async () => {
  const server = new Empty();
  server.failing = 2;
  const file = fileOf('roster', ['member,npi,from', 'm-1,1234567893,2026-01-01']);
  const plan = await planOf(file, { server, token: 't' });
  plan.close();
  expect([plan.report.added, server.failing, server.forecasts]).toEqual([1, 0, [1]]);
});

test('A72 A73 changes of a network are foreseen together, and too many of them need a confirmation', async () => {
  const rows = Array.from({ length: 20_001 }, (_, n) => `${npiOf(30_000_000 + n)},in-network,2026-01-01`);
  const planned = async (count: number) => {
    const server = new Empty();
    const file = fileOf('network', ['npi,status,from', ...rows.slice(0, count)]);
    const { report, close } = await planOf(file, { server, token: 't' });
    close();
    return { report, forecasts: server.forecasts };
  };
  const few = await planned(3_000);
  expect([few.forecasts, few.report.unforeseen, few.report.reasons]).toEqual([[3_000], 0, []]);
  const many = await planned(20_001);
  expect([many.forecasts, many.report.unforeseen]).toEqual([[], 20_001]);
  expect(many.report.reasons).toEqual([expect.stringContaining('20001 changes of the network are too many')]);
});
