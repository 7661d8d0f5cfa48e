import { textOf } from '@provider-access/events';
import { eventually } from '@provider-access/testing';
import { copyFileSync, existsSync, mkdtempSync, readlinkSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { basename, join } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { diskFault, fdatasync, type Synced, syncWith } from '../../../test/log/fsync.ts';
import { EngineUnavailable, type EventLog, type LogRecord, type NewRecord } from '../port.ts';
import { openEmbeddedLog } from './index.ts';

let folder: string;
let file: string;
let log: EventLog;
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'durable-'));
  file = join(folder, 'log.db');
  log = openEmbeddedLog({ file, partitions: 1 });
});
afterEach(async () => {
  syncWith(fdatasync);
  await log.close();
  rmSync(folder, { recursive: true });
});

const given = (value: string): NewRecord => ({ key: 'k', partitionKey: 'k', headers: { h: value }, value });
const stored = async (from = log): Promise<string[]> => (await from.read('t', 0, 0, 10_000)).map(textOf);
const turns = async (count: number): Promise<void> => {
  for (let turn = 0; turn < count; turn++) await new Promise((resolve) => setImmediate(resolve));
};
async function follow(): Promise<{ readonly seen: LogRecord[]; readonly stop: () => Promise<void> }> {
  const seen: LogRecord[] = [];
  const { stop } = await log.follow({ topics: ['t'], handle: ({ records }) => void seen.push(...records) });
  return { seen, stop };
}

describe('an append', () => {
  it('is answered, counted, read and delivered after the fsync of the write-ahead log, and not before', async () => {
    await log.append('t', [given('before')]);
    const { seen, stop } = await follow();
    const held: Synced[] = [];
    const files: string[] = [];
    syncWith((descriptor, done) => {
      files.push(basename(readlinkSync(`/proc/self/fd/${descriptor}`)));
      held.push(done);
    });
    let isAnswered = false;
    const call = log.append('t', [given('a'), given('b')]).then(() => (isAnswered = true));
    await eventually(() => held.length === 1);
    await turns(20);
    const other = new DatabaseSync(file, { readOnly: true });
    // SQLite has committed, and nobody may know.
    expect(other.prepare('SELECT count(*) AS rows FROM log_1_0').get()).toEqual({ rows: 3 });
    other.close();
    expect(isAnswered).toBe(false);
    expect(await stored()).toEqual(['before']);
    expect(seen.map(textOf)).toEqual(['before']);
    held[0]!(null);
    await call;
    expect(await stored()).toEqual(['before', 'a', 'b']);
    await eventually(() => seen.length === 3);
    expect(files).toEqual(['log.db-wal']);
    syncWith(fdatasync);
    await stop();
  });

  it('shares its fsync with all appends that wait for one', async () => {
    const held: Synced[] = [];
    syncWith((_, done) => held.push(done));
    const first = log.append('t', [given('0')]);
    await eventually(() => held.length === 1);
    const others = Array.from({ length: 50 }, async (_, i) => {
      await turns(i % 7);
      return log.append('t', [given(String(i + 1))]);
    });
    await turns(20);
    expect(held).toHaveLength(1);
    held[0]!(null);
    await first;
    await eventually(() => held.length === 2);
    held[1]!(null);
    await Promise.all(others);
    expect(held).toHaveLength(2);
    syncWith(fdatasync);
  });

  it('keeps the order of the calls, also of those that wait for a write', async () => {
    const calls = Array.from({ length: 400 }, async (_, i) => {
      if (i % 3 === 0) await turns(1);
      const [at] = await log.append('t', [given(String(i))]);
      return [at!.offset, String(i)] as const;
    });
    const answered = (await Promise.all(calls)).toSorted(([a], [b]) => a - b);
    expect(answered.map(([offset]) => offset)).toEqual(answered.map((_, i) => i));
    expect(await stored()).toEqual(answered.map(([, value]) => value));
  });

  it('counts in the heads that are asked for after it was stamped', async () => {
    await log.append('t', [given('a')]);
    const appending = log.append('t', [given('b')]);
    await turns(1);
    expect(await log.head(['t'])).toEqual({ t: [2] });
    await appending;
  });

  it('is answered when it runs while the log is closed', async () => {
    const calls = Array.from({ length: 50 }, (_, i) => log.append('t', [given(String(i))]));
    await turns(1);
    const later = log.append('t', [given('later')]);
    await log.close();
    await Promise.all(calls);
    await later;
    log = openEmbeddedLog({ file, partitions: 1 });
    expect(await stored()).toEqual([...calls.map((_, i) => String(i)), 'later']);
  });
});

describe('a power failure', () => {
  it('loses no acknowledged append and no offset that `committed` has promised, whenever it comes', async () => {
    // What the disk has for certain is what the files had at the call of the last fsync that succeeded.
    const image = join(folder, 'image.db');
    let certain = 0;
    const acknowledged: string[] = [];
    syncWith((descriptor, done) => {
      const at = ++certain;
      for (const end of ['', '-wal']) copyFileSync(file + end, `${image}.${at}${end}`);
      fdatasync(descriptor, (error) => {
        acknowledged.push(`sync ${at}`);
        done(error);
      });
    });
    // Four clients, of which each waits for its answer, so there are at least fifteen fsyncs.
    const client = async (which: number): Promise<void> => {
      for (let i = which; i < 60; i += 4) {
        await log.append('t', [given(`${i}a ${'x'.repeat((i % 5) * 2000)}`), given(`${i}b`)]);
        acknowledged.push(`append ${i}`);
      }
    };
    await Promise.all([0, 1, 2, 3].map(client));
    syncWith(fdatasync);
    expect(certain).toBeGreaterThan(14);
    const must: number[] = [];
    let at = 0;
    for (const line of [...acknowledged, 'sync end']) {
      const [kind, which] = line.split(' ') as [string, string];
      if (kind === 'append') must.push(Number(which));
      if (kind !== 'sync') continue;
      if (at > 0) {
        const after = openEmbeddedLog({ file: `${image}.${at}`, partitions: 1 });
        const values = await stored(after);
        for (const i of must) expect(values.filter((value) => value.startsWith(`${i}a`))).toHaveLength(1);
        // Each call is whole, and its records follow each other.
        values.forEach((value, place) => {
          const call = /^(\d+)a/.exec(value)?.[1];
          if (call !== undefined) expect(values[place + 1]).toBe(`${call}b`);
        });
        await after.close();
      }
      if (which !== 'end') at = Number(which);
    }
    expect(must).toHaveLength(60);
  });
});

describe('a failed fsync', () => {
  it('refuses its appends, loses nothing, gives no offset twice, and delivers only what is durable', async () => {
    const { seen, stop } = await follow();
    let count = 0;
    // The second one always fails: appends that came during the first one wait for it, however many they are.
    syncWith((descriptor, done) => (count++ % 3 === 1 ? done(diskFault()) : fdatasync(descriptor, done)));
    const acknowledged = new Set<string>();
    const refused: unknown[] = [];
    const calls = Array.from({ length: 100 }, async (_, i) => {
      await turns(i * 2);
      await log.append('t', [given(String(i)), given(`${i}b`)]).then(
        () => acknowledged.add(String(i)),
        (error: unknown) => refused.push(error),
      );
    });
    await Promise.all(calls);
    syncWith(fdatasync);
    await log.append('t', [given('last')]);
    expect(refused.length).toBeGreaterThan(0);
    for (const error of refused) expect(error).toBeInstanceOf(EngineUnavailable);
    expect((refused[0] as Error).message).toBe('the log file: EIO: i/o error, fdatasync');
    const values = await stored();
    expect(new Set(values).size).toBe(values.length);
    expect([...acknowledged].filter((value) => !values.includes(value))).toEqual([]);
    values.forEach((value, at) => {
      if (/^\d+$/.test(value)) expect(values[at + 1]).toBe(`${value}b`);
    });
    expect(values.at(-1)).toBe('last');
    await eventually(() => seen.length === values.length);
    expect(seen.map(({ offset }) => offset)).toEqual(values.map((_, i) => i));
    expect(seen.map(textOf)).toEqual(values);
    await stop();
  });

  it('lets nobody see its records until all commits are in the database file', async () => {
    await log.append('t', [given('a')]);
    const { seen, stop } = await follow();
    syncWith((_, done) => done(diskFault()));
    await expect(log.append('t', [given('b')])).rejects.toThrow(EngineUnavailable);
    await turns(20);
    expect([await stored(), seen.map(textOf), await log.head(['t'])]).toEqual([['a'], ['a'], { t: [1] }]);
    // A reader of an old state keeps SQLite from copying what was committed after it.
    const reader = new DatabaseSync(file, { readOnly: true });
    reader.exec('BEGIN; SELECT 1 FROM topics');
    const writer = new DatabaseSync(file);
    writer.exec('PRAGMA wal_checkpoint(PASSIVE)');
    writer.exec('CREATE TABLE other (a)');
    writer.close();
    syncWith(fdatasync);
    await expect(log.append('t', [given('c')])).rejects.toThrow('a reader holds back its checkpoint');
    expect([await stored(), seen.map(textOf)]).toEqual([['a'], ['a']]);
    reader.close();
    expect(await log.append('t', [given('d')])).toEqual([{ partition: 0, offset: 2 }]);
    await eventually(() => seen.length === 3);
    expect(seen.map(textOf)).toEqual(['a', 'b', 'd']);
    await stop();
    await log.close();
    // The database file alone has them all, without the write-ahead log.
    expect(existsSync(`${file}-wal`)).toBe(false);
    log = openEmbeddedLog({ file, partitions: 1 });
    expect(await stored()).toEqual(['a', 'b', 'd']);
  });

  it('is repaired without a further append', async () => {
    const { seen, stop } = await follow();
    syncWith((_, done) => done(diskFault()));
    await expect(log.append('t', [given('a')])).rejects.toThrow(EngineUnavailable);
    syncWith(fdatasync);
    await eventually(() => seen.length === 1);
    expect(await log.append('t', [given('b')])).toEqual([{ partition: 0, offset: 1 }]);
    await stop();
  });

  it('fails retention, whose next run succeeds', async () => {
    await log.append('t', [given('a'), given('b')]);
    syncWith((_, done) => done(diskFault()));
    await expect(log.trim!('t', Date.now() + 1)).rejects.toThrow(EngineUnavailable);
    syncWith(fdatasync);
    await eventually(async () => (await log.trim!('t', Date.now() + 1).catch(() => -1)) >= 0);
    expect(await stored()).toEqual([]);
    expect(await log.append('t', [given('c')])).toEqual([{ partition: 0, offset: 2 }]);
  });
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
