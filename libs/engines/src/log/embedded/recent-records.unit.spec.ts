import { expect, test } from 'vitest';
import { type Borrowed, RecentRecords } from './recent-records.ts';
import type { LogRecord } from '../port.ts';

const record = (offset: number, bytes = 400, byte = 0): LogRecord => ({
  topic: 't',
  partition: 0,
  offset,
  key: 'k',
  headers: {},
  value: new Uint8Array(bytes).fill(byte),
  timestamp: 0,
});
const offsets = (borrowed: Borrowed | undefined): number[] | undefined => borrowed?.records.map((r) => r.offset);

test('reads cached records from any offset, within both limits', () => {
  const recent = new RecentRecords(1_000_000);
  for (let o = 5; o < 15; o++) recent.add('a', record(o));
  expect(offsets(recent.borrow('a', 5, 100, 1e9))).toEqual([5, 6, 7, 8, 9, 10, 11, 12, 13, 14]);
  expect(offsets(recent.borrow('a', 12, 2, 1e9))).toEqual([12, 13]);
  expect(offsets(recent.borrow('a', 6, 100, 900))).toEqual([6, 7]);
  expect(offsets(recent.borrow('a', 6, 100, 1))).toEqual([6]);
  expect(recent.borrow('a', 4, 100, 1e9)).toBeUndefined();
  expect(recent.borrow('b', 0, 100, 1e9)).toBeUndefined();
});

test('the oldest go first, over all partitions, and an older offset is then unknown', () => {
  const recent = new RecentRecords(10_000);
  for (let o = 0; o < 6_000; o++) recent.add(o % 2 === 0 ? 'a' : 'b', record(Math.floor(o / 2)));
  expect(recent.borrow('a', 0, 10, 1e9)).toBeUndefined();
  expect(offsets(recent.borrow('a', 2_996, 10, 1e9))).toEqual([2_996, 2_997, 2_998, 2_999]);
  expect(offsets(recent.borrow('b', 2_999, 10, 1e9))).toEqual([2_999]);
});

test('a gap starts the tail again', () => {
  const recent = new RecentRecords(1_000_000);
  recent.add('a', record(1));
  recent.add('a', record(7));
  expect(recent.borrow('a', 1, 10, 1e9)).toBeUndefined();
  expect(offsets(recent.borrow('a', 7, 10, 1e9))).toEqual([7]);
});

test('values that were borrowed before a clear stay', () => {
  const recent = new RecentRecords(LIMIT);
  let next = fill(recent, 0, 1);
  const { records, done } = recent.borrow('a', next - 200, 200, 1e9)!;
  recent.clear();
  next = fill(recent, fill(recent, next, 2), 3);
  done();
  fill(recent, next, 4);
  expect(records.map(bytesOf)).toEqual(records.map(() => [1]));
});

test('nothing is known after clear', () => {
  const recent = new RecentRecords(1_000_000);
  recent.add('a', record(1));
  recent.clear();
  expect(recent.borrow('a', 1, 10, 1e9)).toBeUndefined();
});

const LIMIT = 2 * 1024 * 1024;
/** Adds records until those before them have gone. @returns the next offset */
function fill(recent: RecentRecords, from: number, byte: number): number {
  let offset = from;
  for (let bytes = 0; bytes < 2 * LIMIT; bytes += 4096) recent.add('a', record(offset++, 4096, byte));
  return offset;
}
/** The bytes that a value has, each once. None if its memory was taken away. */
const bytesOf = ({ value }: LogRecord): number[] => (value.byteLength === 0 ? [] : [...new Set(value)]);

test('values are copies, so the memory of an append may be used again', () => {
  const recent = new RecentRecords(LIMIT);
  const [small, large] = [new Uint8Array(100).fill(1), new Uint8Array(200_000).fill(1)];
  recent.add('a', { ...record(0), value: small });
  recent.add('a', { ...record(1), value: large });
  small.fill(9);
  large.fill(9);
  expect(recent.borrow('a', 0, 10, 1e9)!.records.map(bytesOf)).toEqual([[1], [1]]);
});

test('a value may be empty, as the first one and behind others', () => {
  const recent = new RecentRecords(LIMIT);
  for (const [offset, bytes] of [0, 5, 0].entries()) recent.add('a', record(offset, bytes, 1));
  expect(recent.borrow('a', 0, 10, 1e9)!.records.map(bytesOf)).toEqual([[], [1], []]);
});

test('memory is used again, and whoever keeps a value for too long finds it empty', () => {
  const recent = new RecentRecords(LIMIT);
  let next = fill(recent, 0, 1);
  const { records, done } = recent.borrow('a', next - 100, 100, 1e9)!;
  const memory = new Set(records.map(({ value }) => value.buffer.byteLength));
  done();
  for (let byte = 2; byte < 6; byte++) next = fill(recent, next, byte);
  expect(memory).toEqual(new Set([256 * 1024]));
  expect(records.map(({ value }) => value.byteLength)).toEqual(records.map(() => 0));
  expect(recent.borrow('a', next - 100, 100, 1e9)!.records.map(bytesOf)).toEqual(records.map(() => [5]));
});

test('values stay while one of their readers has them, however many records come', () => {
  const recent = new RecentRecords(LIMIT);
  let next = fill(recent, 0, 1);
  const [one, other] = [recent.borrow('a', next - 200, 200, 1e9)!, recent.borrow('a', next - 150, 100, 1e9)!];
  const values = (): number[][] => one.records.map(bytesOf);
  next = fill(recent, next, 2);
  // Done twice counts once.
  other.done();
  other.done();
  fill(recent, fill(recent, next, 3), 4);
  expect(values()).toEqual(one.records.map(() => [1]));
  one.done();
});

test('records of two generations are borrowed together', () => {
  const recent = new RecentRecords(LIMIT);
  let next = 0;
  for (let bytes = 0; bytes < 0.6 * LIMIT; bytes += 4096) recent.add('a', record(next++, 4096, 1));
  const { records, done } = recent.borrow('a', 0, 1e9, 1e9)!;
  fill(recent, fill(recent, next, 2), 3);
  expect(records.map(bytesOf)).toEqual(records.map(() => [1]));
  done();
});
