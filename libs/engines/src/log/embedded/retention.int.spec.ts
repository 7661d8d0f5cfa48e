import { randomBytes } from 'node:crypto';
import { mkdtempSync, rmSync, statSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import { eventually } from '@provider-access/testing';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { fdatasync, syncWith } from '../../../test/log/fsync.ts';
import { openEmbeddedLog } from './index.ts';
import type { EventLog, NewRecord } from '../port.ts';

let folder: string;
let file: string;
let now: number;
let log: EventLog;
const open = (): EventLog => openEmbeddedLog({ file, partitions: 1, now: () => now });
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'retention-'));
  file = join(folder, 'log.db');
  now = 1000;
  log = open();
});
afterEach(async () => {
  await log.close();
  rmSync(folder, { recursive: true });
});
/** Short values are a row each. Long ones share a block, which a removal may have to write again. */
const TEXTS = { rows: 'v', blocks: 'long '.repeat(420) };
let text = TEXTS.rows;
const given = (count: number, value = text, key = (i: number): string => `k${i}`): NewRecord[] =>
  Array.from({ length: count }, (_, i) => ({ key: key(i), partitionKey: 'k', headers: {}, value: `${value}${i}` }));
const offsets = async (): Promise<number[]> => (await log.read('t', 0, 0, 100_000)).map(({ offset }) => offset);
const range = (from: number, to: number): number[] => Array.from({ length: to - from }, (_, i) => from + i);

describe.each(Object.entries(TEXTS))('trim of %s', (_, value) => {
  beforeEach(() => void (text = value));

  it('keeps records that a group has not committed, however old, and removes them after the commit', async () => {
    await log.append('t', given(10));
    let stop = 4;
    const subscription = await log.subscribe({
      group: 'g',
      topics: ['t'],
      maxRecords: 1,
      handle: async ({ records }) => {
        if (records[0]!.offset >= stop) throw new Error('not yet');
      },
    });
    await eventually(async () => (await log.committed('g', ['t']))['t']![0] === 4);
    expect(await log.trim!('t', Infinity)).toBe(4);
    expect(await offsets()).toEqual(range(4, 10));
    stop = 10;
    await eventually(async () => (await log.committed('g', ['t']))['t']![0] === 10);
    expect(await log.trim!('t', Infinity)).toBe(6);
    await subscription.stop();
  });

  it('keeps records for a group without a commit', async () => {
    await log.append('t', given(3));
    const subscription = await log.subscribe({
      group: 'g',
      topics: ['t'],
      handle: () => Promise.reject(new Error('never')),
    });
    expect(await log.trim!('t', Infinity)).toBe(0);
    await subscription.stop();
  });

  it('keeps records that a follower has not handled', async () => {
    let block = false;
    const following = await log.follow({
      topics: ['t'],
      maxRecords: 1,
      handle: () => {
        if (block) throw new Error('not yet');
      },
    });
    await log.append('t', given(3));
    await eventually(() => following.position()['t']![0] === 3);
    block = true;
    await log.append('t', given(2));
    expect(await log.trim!('t', Infinity)).toBe(3);
    expect(await offsets()).toEqual([3, 4]);
    await following.stop();
  });

  it('keeps records that are younger than retention, and everything behind the first of them', async () => {
    await log.append('t', given(2));
    now = 2000;
    await log.append('t', given(1));
    // The clock stepped back. An older record behind a younger one stays with it.
    now = 500;
    await log.append('t', given(1));
    expect(await log.trim!('t', 1500)).toBe(2);
    expect(await offsets()).toEqual([2, 3]);
  });

  it('runs in several steps, between which appends are written', async () => {
    await log.append('t', given(2_600));
    const head = async (): Promise<number> => (await log.head(['t']))['t']![0]!;
    let turns = 0;
    let done = false;
    // An append takes a few turns of the event loop, however fast the disk is.
    syncWith((_, synced) => setImmediate(() => synced(null)));
    const trimming = log.trim!('t', Infinity).finally(() => (done = true));
    while (!done) {
      await log.append('t', given(1));
      turns++;
    }
    expect(await trimming).toBe(2_600);
    syncWith(fdatasync);
    // Appends were written between the six steps of 500 rows.
    expect(turns).toBeGreaterThan(1);
    expect(await offsets()).toEqual(range(2_600, await head()));
  });

  it('begins where it was killed, and knows where the partition begins after it was opened again', async () => {
    await log.append('t', given(1_200));
    // After a kill the first step is complete: its rows are removed, and the stored start is behind them.
    const trimming = log.trim!('t', Infinity);
    await new Promise((resolve) => setImmediate(resolve));
    const copy = join(folder, 'copy.db');
    const reader = new DatabaseSync(file, { readOnly: true });
    reader.exec(`VACUUM INTO '${copy}'`);
    reader.close();
    await trimming;
    const killed = new DatabaseSync(copy);
    const { start } = killed.prepare('SELECT coalesce(max(start), 0) AS start FROM retained').get() as {
      start: number;
    };
    killed.close();
    const again = openEmbeddedLog({ file: copy, partitions: 1, now: () => now });
    expect((await again.read('t', 0, 0, 1))[0]?.offset ?? 1200).toBe(start);
    expect(await again.trim!('t', Infinity)).toBe(1_200 - start);
    await again.close();
  });

  it('reuses the space of removed records before the file grows', async () => {
    // Text that no compressor shrinks by more than a quarter.
    const large = (): NewRecord[] =>
      given(400).map((record) => ({ ...record, value: randomBytes(3_750).toString('base64') }));
    await log.append('t', large());
    await log.trim!('t', Infinity);
    await log.close();
    const { size } = statSync(file);
    log = open();
    for (let round = 0; round < 5; round++) {
      await log.append('t', large());
      await log.trim!('t', Infinity);
    }
    await log.close();
    expect(statSync(file).size).toBeLessThan(size * 1.2);
    log = open();
  });
});

describe.each(Object.entries(TEXTS))('compact of %s', (_, value) => {
  beforeEach(() => void (text = value));

  const keys = ['a', 'b', 'a', 'c', 'b'];

  it('keeps the newest record of each key, also of keys that come again after an earlier run', async () => {
    await log.append(
      't',
      given(5, text, (i) => keys[i]!),
    );
    expect(await log.compact!('t')).toBe(2);
    expect(await offsets()).toEqual([2, 3, 4]);
    await log.append(
      't',
      given(2, text, (i) => ['c', 'd'][i]!),
    );
    expect(await log.compact!('t')).toBe(1);
    expect(await offsets()).toEqual([2, 4, 5, 6]);
    expect(await log.compact!('t')).toBe(0);
    const left = await log.read('t', 0, 0, 9);
    expect(left.map(({ key, value }) => [key, Buffer.from(value).toString()])).toEqual([
      ['a', `${text}2`],
      ['b', `${text}4`],
      ['c', `${text}0`],
      ['d', `${text}1`],
    ]);
  });

  it('keeps records that a group has not committed, and the record before with the same key', async () => {
    await log.append(
      't',
      given(5, text, (i) => keys[i]!),
    );
    const subscription = await log.subscribe({
      group: 'g',
      topics: ['t'],
      maxRecords: 1,
      handle: async ({ records }) => {
        if (records[0]!.offset >= 3) throw new Error('not yet');
      },
    });
    await eventually(async () => (await log.committed('g', ['t']))['t']![0] === 3);
    expect(await log.compact!('t')).toBe(1);
    expect(await offsets()).toEqual([1, 2, 3, 4]);
    await subscription.stop();
  });

  it('handles more rows than a step has', async () => {
    await log.append(
      't',
      given(3_000, text, (i) => `k${i % 700}`),
    );
    expect(await log.compact!('t')).toBe(2_300);
    expect(await offsets()).toEqual(range(2_300, 3_000));
    await log.close();
    log = open();
    expect(await log.compact!('t')).toBe(0);
    expect(await offsets()).toEqual(range(2_300, 3_000));
  });
});
