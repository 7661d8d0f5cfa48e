import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, expect, test } from 'vitest';
import { IMPORT_KINDS, NO_MAP } from '@provider-access/full-files';
import { TemporaryFault } from '../client/patience.ts';
import { Server } from '../client/server.ts';
import { fileAt } from '../import/file-faults.ts';
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
  return {
    file: { file: fileAt(file), kind: IMPORT_KINDS[kind], map: NO_MAP, time },
    kind,
    source: 'north',
    asOf: '2026-11-01',
  };
}

test('A78 a connection that ended while a large file was read costs a pause, and not the plan', async () => {
  const server = new Empty();
  server.failing = 2;
  const file = fileOf('roster', ['member,npi,from', 'm-1,1234567893,2026-01-01']);
  const plan = await planOf(file, { server, token: 't' });
  plan.close();
  expect([plan.report.added, server.failing, server.forecasts]).toEqual([1, 0, [1]]);
});
