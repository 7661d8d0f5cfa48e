import { mkdtempSync, rmSync, statSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { DatabaseSync, StatementSync } from 'node:sqlite';
import zlib from 'node:zlib';
import { eventually } from '@provider-access/testing';
import { syncBuiltinESMExports } from 'node:module';
import { afterEach, beforeEach, expect, it, vi } from 'vitest';
import { EngineUnavailable, type EventLog, type NewRecord } from '../port.ts';
import { openEmbeddedLog } from './index.ts';

let folder: string;
let file: string;
let log: EventLog;
const open = (blocks = true): EventLog => openEmbeddedLog({ file, partitions: 1, blocks });
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'blocks-'));
  file = join(folder, 'log.db');
  log = open();
});
afterEach(async () => {
  vi.restoreAllMocks();
  await log.close();
  rmSync(folder, { recursive: true });
});

/** Resources of a payer repeat names and codes, and differ in ids, days and amounts. */
const resource = (n: number): string =>
  JSON.stringify({
    resourceType: 'Observation',
    id: `observation-${n}`,
    code: { coding: [{ system: 'http://loinc.org', code: String(1000 + (n % 90)) }] },
    effectiveDateTime: new Date(Date.UTC(2020, 0, 1) + n * 7_777_777).toISOString(),
    valueQuantity: { value: (n * 7919) % 1000, unit: 'mg', system: 'http://unitsofmeasure.org', code: 'mg' },
    note: [{ text: 'An ordinary note of a visit. '.repeat(20) }],
  });
const given = (count: number, from = 0): NewRecord[] =>
  Array.from({ length: count }, (_, n) => ({
    key: `m1/Observation/observation-${from + n}`,
    partitionKey: 'm1',
    headers: { ce_type: 'pa.record-accepted.v1', ce_id: `e${from + n}`, 'content-type': 'application/json' },
    value: resource(from + n),
  }));
const values = async (from = 0): Promise<string[]> =>
  (await log.read('t', 0, from, 10_000)).map(({ value }) => Buffer.from(value).toString());
const expected = (from: number, to: number): string[] =>
  Array.from({ length: to - from }, (_, n) => resource(from + n));
/** In the layout of the builds before blocks. */
const rows = (name: string): unknown[] => {
  const db = new DatabaseSync(name, { readOnly: true });
  try {
    return db.prepare('SELECT o, k, h, v, t FROM log_1_0 ORDER BY o').all();
  } finally {
    db.close();
  }
};

it('keeps a batch of resources in a fifth of their bytes, with one statement for 250', async () => {
  await log.head(['t']);
  const insert = vi.spyOn(StatementSync.prototype, 'run');
  await log.append('t', given(1_000));
  expect(insert.mock.calls).toHaveLength(4);
  await log.close();
  const received = expected(0, 1_000).reduce((sum, line) => sum + line.length, 0);
  expect(statSync(file).size).toBeLessThan(received / 5);
  log = open();
  expect(await values()).toEqual(expected(0, 1_000));
});

it('gives what was appended from any offset, in batches of any size, after it was opened again', async () => {
  const appended = [1, 2, 300, 1, 700].reduce<Promise<number>>(async (before, count) => {
    const from = await before;
    await log.append('t', given(count, from));
    return from + count;
  }, Promise.resolve(0));
  const count = await appended;
  await log.close();
  log = open();
  for (const from of [0, 1, 2, 3, 252, 253, 302, 303, 304, 553, 554, 1003])
    expect(await values(from)).toEqual(expected(from, count));
  for (const size of [1, 7, 250, 251]) {
    const found: string[] = [];
    for (let from = 0; from < count;) {
      const records = await log.read('t', 0, from, size);
      expect(records.length).toBeLessThanOrEqual(size);
      found.push(...records.map(({ value }) => Buffer.from(value).toString()));
      from = records.at(-1)!.offset + 1;
    }
    expect(found).toEqual(expected(0, count));
  }
});

it('decompresses a block once for the groups that read on in it', async () => {
  await log.append('t', given(1_000));
  await log.close();
  let count = 0;
  const original = zlib.zstdDecompressSync;
  zlib.zstdDecompressSync = ((...input: Parameters<typeof original>) => {
    count += 1;
    return original(...input);
  }) as typeof original;
  syncBuiltinESMExports();
  try {
    log = open();
    const seen: string[] = [];
    for (const group of ['one', 'two'])
      await log.subscribe({
        group,
        topics: ['t'],
        maxRecords: 9,
        handle: async ({ records }) => void seen.push(...records.map(({ key }) => key)),
      });
    await eventually(() => seen.length === 2_000);
    // The headers and the values of each of four blocks.
    expect(count).toBe(2 * 4);
  } finally {
    zlib.zstdDecompressSync = original;
    syncBuiltinESMExports();
  }
});

it('is away, and loses nothing, while a block is damaged', async () => {
  await log.append('t', given(500));
  await log.close();
  const db = new DatabaseSync(file);
  const { v } = db.prepare('SELECT v FROM log_1_0 WHERE o = 249').get() as { v: Uint8Array };
  const damaged = Buffer.from(v);
  damaged[v.length >> 1]! ^= 1;
  db.prepare('UPDATE log_1_0 SET v = ? WHERE o = 249').run(damaged);
  log = open();
  await expect(log.read('t', 0, 3, 1)).rejects.toThrow(EngineUnavailable);
  expect(await values(250)).toEqual(expected(250, 500));
  db.prepare('UPDATE log_1_0 SET v = ? WHERE o = 249').run(v);
  db.close();
  expect(await values()).toEqual(expected(0, 500));
});

it('becomes a file that the build before reads, also after it was killed between two blocks', async () => {
  await log.append('t', given(600));
  await log.append('t', given(1, 600));
  await log.close();
  const before = rows(file).length;
  const again = new DatabaseSync(file);
  again.exec(
    "CREATE TRIGGER killed BEFORE INSERT ON log_1_0 WHEN NEW.o = 300 BEGIN SELECT RAISE(ABORT, 'killed'); END",
  );
  expect(() => open(false)).toThrow('killed');
  again.exec('DROP TRIGGER killed');
  // One of the blocks is unpacked. The file still says that it may have others.
  expect(rows(file).length).toBeGreaterThan(before);
  expect(() => again.prepare('SELECT id, partitions FROM topics')).toThrow('no such column');
  log = open();
  expect(await values()).toEqual(expected(0, 601));
  await log.close();

  log = open(false);
  await log.append('t', given(300, 601));
  await log.close();
  // As the build before reads it.
  expect(again.prepare('SELECT topic, id, partitions FROM topics').all()).toEqual([
    { topic: 't', id: 1, partitions: 1 },
  ]);
  again.close();
  const plain = rows(file) as { o: number; k: string; h: string; v: Uint8Array }[];
  expect(plain.map(({ o }) => o)).toEqual(Array.from({ length: 901 }, (_, n) => n));
  expect(plain.map(({ v }) => Buffer.from(v).toString())).toEqual(expected(0, 901));
  expect(plain.map(({ k, h }) => [k, JSON.parse(h)])).toEqual(given(901).map(({ key, headers }) => [key, headers]));
  log = open();
  expect(await values()).toEqual(expected(0, 901));
});

it('serves no record that compaction has removed before it failed', async () => {
  const some = (key: string): NewRecord[] => given(4 * 250).map((one) => ({ ...one, key }));
  for (const key of ['a', 'b', 'a', 'b']) await log.append('t', some(key));
  expect(await values()).toHaveLength(16 * 250);
  const exec = Reflect.get(DatabaseSync.prototype, 'exec') as (sql: string) => void;
  let begun = 0;
  vi.spyOn(DatabaseSync.prototype, 'exec').mockImplementation(function (this: DatabaseSync, sql) {
    if (sql.startsWith('BEGIN') && (begun += 1) > 2) throw Object.assign(new Error('busy'), { errcode: 5 });
    exec.call(this, sql);
  });
  await expect(log.compact!('t')).rejects.toThrow();
  vi.restoreAllMocks();
  const stored = openEmbeddedLog({ file, partitions: 1, readonly: true });
  const left = (await stored.read('t', 0, 0, 10_000)).map(({ offset }) => offset);
  await stored.close();
  expect(left.length).toBeLessThan(16 * 250);
  expect((await log.read('t', 0, 0, 10_000)).map(({ offset }) => offset)).toEqual(left);
});
