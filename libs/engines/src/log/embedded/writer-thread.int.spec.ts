import { textOf } from '@provider-access/events';
import { eventually } from '@provider-access/testing';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { EngineUnavailable, type EventLog, type LogRecord, type NewRecord } from '../port.ts';
import type { TableRecord } from './blocks.ts';
import { openEmbeddedLog } from './index.ts';
import type { WriteBatch } from './row-writer.ts';
import { pack, unpack, WriterThread } from './writer-thread.ts';

let folder: string;
let file: string;
let log: EventLog;
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'writer-'));
  file = join(folder, 'log.db');
  log = openEmbeddedLog({ file, partitions: 1, writesInThread: true, busyMs: 2000 });
});
afterEach(async () => {
  vi.restoreAllMocks();
  await log.close();
  rmSync(folder, { recursive: true });
});

const given = (value: string): NewRecord => ({ key: 'k', partitionKey: 'k', headers: { h: value }, value });
const stored = async (): Promise<string[]> => (await log.read('t', 0, 0, 10_000)).map(textOf);
/** The thread of the log that is open. */
async function threadOf(): Promise<{ terminate(): Promise<number> }> {
  const writes = vi.spyOn(WriterThread.prototype, 'write');
  await log.append('t', [given('first')]);
  const [writer] = writes.mock.contexts as unknown as WriterThread[];
  writes.mockRestore();
  return [...writer!.threads.threads][0]!.worker;
}

describe('the thread that writes the log', () => {
  it('writes what another connection reads, byte by byte, with values that share a buffer', async () => {
    await log.close();
    log = openEmbeddedLog({ file, partitions: 1, writesInThread: true, blocks: false });
    const shared = Buffer.from('zero-one-two-');
    const values = ['', 'ü 🚑', shared.subarray(5, 8), shared.subarray(9, 12), Buffer.alloc(70_000, 7)];
    await log.append(
      't',
      values.map((value, i) => ({ key: `k${i}`, partitionKey: 'k', headers: { n: String(i) }, value })),
    );
    const db = new DatabaseSync(file, { readOnly: true });
    const rows = db.prepare('SELECT o, k, h, v FROM log_1_0 ORDER BY o').all() as {
      o: number;
      k: string;
      h: string;
      v: Uint8Array;
    }[];
    db.close();
    expect(rows.map(({ o, k, h }) => [o, k, h])).toEqual(values.map((_, i) => [i, `k${i}`, `{"n":"${i}"}`]));
    rows.forEach(({ v }, i) => expect(Buffer.from(v).equals(Buffer.from(values[i]!))).toBe(true));
    expect(shared.toString()).toBe('zero-one-two-');
  });

  it('compresses large batches, which another opening reads', async () => {
    const values = Array.from({ length: 300 }, (_, i) => `${i} ${'x'.repeat(200)}`);
    await log.append('t', values.map(given));
    await log.close();
    const db = new DatabaseSync(file, { readOnly: true });
    const { rows } = db.prepare('SELECT count(*) AS rows FROM log_1_0').get() as { rows: number };
    db.close();
    expect(rows).toBe(2);
    log = openEmbeddedLog({ file, partitions: 1 });
    expect(await stored()).toEqual(values);
  });

  it('keeps the order of the calls, also of those that wait for a write', async () => {
    const calls = Array.from({ length: 400 }, async (_, i) => {
      if (i % 3 === 0) await new Promise((resolve) => setImmediate(resolve));
      const [at] = await log.append('t', [given(String(i))]);
      return [at!.offset, String(i)] as const;
    });
    const answered = (await Promise.all(calls)).toSorted(([a], [b]) => a - b);
    expect(answered.map(([offset]) => offset)).toEqual(answered.map((_, i) => i));
    expect(await stored()).toEqual(answered.map(([, value]) => value));
  });

  it('rejects what it writes when it ends, loses nothing, gives no offset twice, and continues', async () => {
    const thread = await threadOf();
    const acknowledged = new Set(['first']);
    const refused: unknown[] = [];
    const calls = Array.from({ length: 200 }, async (_, i) => {
      for (let turn = 0; turn < i; turn++) await new Promise((resolve) => setImmediate(resolve));
      if (i === 20) await thread.terminate();
      await log.append('t', [given(String(i)), given(`${i}b`)]).then(
        () => acknowledged.add(String(i)),
        (error: unknown) => refused.push(error),
      );
    });
    const seen: LogRecord[] = [];
    const following = await log.follow({ topics: ['t'], handle: ({ records }) => void seen.push(...records) });
    await Promise.all(calls);
    await log.append('t', [given('last')]);
    for (const error of refused) expect(error).toBeInstanceOf(EngineUnavailable);
    const values = await stored();
    expect(new Set(values).size).toBe(values.length);
    expect([...acknowledged].filter((value) => !values.includes(value))).toEqual([]);
    // Each call is whole, and its records follow each other.
    values.forEach((value, at) => {
      if (/^\d+$/.test(value)) expect(values[at + 1]).toBe(`${value}b`);
    });
    expect(values.at(-1)).toBe('last');
    await eventually(() => seen.length === values.length);
    expect(seen.map(({ offset }) => offset)).toEqual(values.map((_, i) => i));
    expect(seen.map(textOf)).toEqual(values);
    await following.stop();
  });

  it('delivers records whose answer was lost, behind which the next append goes on', async () => {
    await log.append('t', [given('a')]);
    const write = WriterThread.prototype.write;
    vi.spyOn(WriterThread.prototype, 'write').mockImplementationOnce(async function (this: WriterThread, batch) {
      await write.call(this, batch);
      throw new EngineUnavailable('the thread ended');
    });
    const seen: string[] = [];
    const following = await log.follow({
      topics: ['t'],
      handle: ({ records }) => void seen.push(...records.map(textOf)),
    });
    await expect(log.append('t', [given('b')])).rejects.toThrow(EngineUnavailable);
    await eventually(() => seen.length === 2);
    expect(await log.append('t', [given('c')])).toEqual([{ partition: 0, offset: 2 }]);
    await eventually(() => seen.length === 3);
    expect(seen).toEqual(['a', 'b', 'c']);
    await following.stop();
  });

  it('answers the appends that run while the log is closed', async () => {
    const calls = Array.from({ length: 50 }, (_, i) => log.append('t', [given(String(i))]));
    await new Promise((resolve) => setImmediate(resolve));
    const later = log.append('t', [given('later')]);
    await log.close();
    await Promise.all(calls);
    await later;
    log = openEmbeddedLog({ file, partitions: 1 });
    expect(await stored()).toEqual([...calls.map((_, i) => String(i)), 'later']);
  });

  it('counts a record in the heads that it stamped before they were asked for', async () => {
    await log.append('t', [given('a')]);
    const appending = log.append('t', [given('b')]);
    await new Promise((resolve) => setImmediate(resolve));
    expect(await log.head(['t'])).toEqual({ t: [2] });
    await appending;
  });

  it('commits offsets, which another opening continues from', async () => {
    await log.append('t', [given('a'), given('b')]);
    const group = await log.subscribe({ group: 'g', topics: ['t'], handle: async () => undefined });
    await eventually(async () => (await log.committed('g', ['t']))['t']![0] === 2);
    await group.stop();
    await log.close();
    log = openEmbeddedLog({ file, partitions: 1 });
    expect(await log.committed('g', ['t'])).toEqual({ t: [2] });
  });
});

it('packs a batch, and unpacks it as it was', () => {
  const record = (offset: number, value: string): TableRecord => ({
    offset,
    key: `k"${offset}`,
    headers: { a: 'b', ü: '' },
    value: Buffer.from(value),
    timestamp: 5,
  });
  const batch: WriteBatch = {
    tables: [
      { table: 'log_1_0', records: [record(1, 'one'), record(2, '')] },
      { table: 'log_2_3', records: [record(9, 'drei €')] },
    ],
    commits: [['g', 't', 0, 3]],
  };
  const plain = ({ tables, commits }: WriteBatch): unknown => ({
    commits,
    tables: tables.map(({ table, records }) => ({
      table,
      records: records.map((one) => ({ ...one, value: Buffer.from(one.value).toString() })),
    })),
  });
  expect(plain(unpack(pack(batch)))).toEqual(plain(batch));
});
