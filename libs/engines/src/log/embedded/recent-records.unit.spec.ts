import { expect, test } from 'vitest';
import { RecentRecords } from './recent-records.ts';
import type { LogRecord } from '../port.ts';

const record = (offset: number, bytes = 400): LogRecord => ({
  topic: 't',
  partition: 0,
  offset,
  key: 'k',
  headers: {},
  value: new Uint8Array(bytes),
  timestamp: 0,
});
const offsets = (records: readonly LogRecord[] | undefined): number[] | undefined => records?.map((r) => r.offset);

test('reads cached records from any offset, within both limits', () => {
  const recent = new RecentRecords(1_000_000);
  for (let o = 5; o < 15; o++) recent.add('a', record(o));
  expect(offsets(recent.read('a', 5, 100, 1e9))).toEqual([5, 6, 7, 8, 9, 10, 11, 12, 13, 14]);
  expect(offsets(recent.read('a', 12, 2, 1e9))).toEqual([12, 13]);
  expect(offsets(recent.read('a', 6, 100, 900))).toEqual([6, 7]);
  expect(offsets(recent.read('a', 6, 100, 1))).toEqual([6]);
  expect(recent.read('a', 4, 100, 1e9)).toBeUndefined();
  expect(recent.read('b', 0, 100, 1e9)).toBeUndefined();
});

test('the oldest go first, over all partitions, and an older offset is then unknown', () => {
  const recent = new RecentRecords(10_000);
  for (let o = 0; o < 6_000; o++) recent.add(o % 2 === 0 ? 'a' : 'b', record(Math.floor(o / 2)));
  expect(recent.read('a', 0, 10, 1e9)).toBeUndefined();
  expect(offsets(recent.read('a', 2_996, 10, 1e9))).toEqual([2_996, 2_997, 2_998, 2_999]);
  expect(offsets(recent.read('b', 2_999, 10, 1e9))).toEqual([2_999]);
});

test('a gap starts the tail again', () => {
  const recent = new RecentRecords(1_000_000);
  recent.add('a', record(1));
  recent.add('a', record(7));
  expect(recent.read('a', 1, 10, 1e9)).toBeUndefined();
  expect(offsets(recent.read('a', 7, 10, 1e9))).toEqual([7]);
});

test('nothing is known after clear', () => {
  const recent = new RecentRecords(1_000_000);
  recent.add('a', record(1));
  recent.clear();
  expect(recent.read('a', 1, 10, 1e9)).toBeUndefined();
});
