import { randomBytes } from 'node:crypto';
import { expect, it } from 'vitest';
import { EngineUnavailable, type LogRecord } from '../port.ts';
import { type ExtentRow, extentOf, keysOf, recordsOf, rowsOf, type Row } from './blocks.ts';

const record = (offset: number, value: Uint8Array): LogRecord => ({
  topic: 't',
  partition: 3,
  offset,
  key: `key ${offset % 7}`,
  headers: { ce_id: `${offset}`, 'content-type': 'application/json' },
  value,
  timestamp: 77,
});
const text = (bytes: number): Buffer => Buffer.alloc(bytes, '{"resourceType":"Observation"},');
const back = (rows: readonly Row[]): LogRecord[] => rows.flatMap((row) => recordsOf(row, 't', 3));
const isBlock = (row: Row): boolean => typeof row.h !== 'string';
const extent = (row: Row): ReturnType<typeof extentOf> =>
  extentOf({ ...row, packed: Number(isBlock(row)), bytes: row.v.byteLength } satisfies ExtentRow);

it.each([
  ['one small record', [10]],
  ['one large record', [600_000]],
  ['small records that together are worth a block', Array.from({ length: 60 }, () => 100)],
  ['more records than a block has', Array.from({ length: 777 }, (_, n) => 40 + n)],
  ['records of which each second one is larger than a block', [9, 700_000, 9, 700_000, 9]],
  ['empty values, tombstones among others', [0, 5000, 0, 0]],
])('gives %s back as they were', (_, sizes) => {
  const records = sizes.map((bytes, n) => record(100 + n, text(bytes)));
  const rows = [...rowsOf(records)];
  expect(back(rows)).toEqual(records);
  expect(rows.flatMap(keysOf)).toEqual(records.map(({ offset, key }) => ({ o: offset, k: key })));
  // Without loading them: where the records are, and how many bytes they have.
  expect(rows.reduce((sum, row) => sum + extent(row).count, 0)).toBe(records.length);
  expect(rows.reduce((sum, row) => sum + extent(row).bytes, 0)).toBe(sizes.reduce((a, b) => a + b));
  expect(rows.map((row) => extent(row).first)).toEqual(rows.map((row) => recordsOf(row, 't', 3)[0]!.offset));
  for (const row of rows) expect(extent(row).count).toBeLessThanOrEqual(250);
  for (const row of rows) expect(extent(row).count === 1 || extent(row).bytes <= 512 * 1024).toBe(true);
});

it('writes records that a block would not shrink as plain rows', () => {
  const noise = [1, 2, 3].map((offset) => record(offset, randomBytes(5000)));
  expect([...rowsOf(noise)].map(isBlock)).toEqual([false, false, false]);
  expect([...rowsOf([record(1, text(5000))])].map(isBlock)).toEqual([true]);
});

it('keeps gaps between offsets, and has its last one', () => {
  const records = [4, 5, 9, 30].map((offset) => record(offset, text(5000)));
  const [block, ...others] = [...rowsOf(records)];
  expect([others, block!.o, extent(block!).first]).toEqual([[], 30, 4]);
  expect(recordsOf(block!, 't', 3)).toEqual(records);
});

it('reports a damaged block, wherever the damage is', () => {
  const [block] = [...rowsOf(Array.from({ length: 50 }, (_, n) => record(n, text(900))))] as [Row];
  for (const column of ['h', 'v'] as const)
    for (const at of [0, 7, block[column].length >> 1, block[column].length - 1]) {
      const damaged = Buffer.from(block[column] as Uint8Array);
      damaged[at]! ^= 0x10;
      expect(() => recordsOf({ ...block, [column]: damaged }, 't', 3)).toThrow(EngineUnavailable);
    }
});
