import { afterEach, beforeEach, expect, it, vi } from 'vitest';
import { WritesOfTurn } from './transactions.ts';

let commits: string[][];
let writes: WritesOfTurn;
let written: string[];

beforeEach(() => {
  vi.useFakeTimers();
  [commits, written] = [[], []];
  writes = new WritesOfTurn((work) => {
    written = [];
    const result = work();
    commits.push(written);
    return result;
  });
});
afterEach(() => {
  vi.useRealTimers();
});

const add = (name: string, rows: number, waitMs: number): void =>
  void writes.add(rows, () => void written.push(name), waitMs);
const after = async (ms: number): Promise<string[][]> => {
  await vi.advanceTimersByTimeAsync(ms);
  return commits.splice(0);
};
/** A commit with so many rows that others are to be expected. */
async function busy(): Promise<void> {
  add('many', 50, 100);
  expect(await after(3)).toEqual([['many']]);
}

it('lets a write that may wait, and expects no others, wait a fortieth of its time', async () => {
  add('a', 1, 100);
  expect(await after(1)).toEqual([]);
  expect(await after(2)).toEqual([['a']]);
  add('b', 1, 100);
  expect(await after(3)).toEqual([['b']]);
});

it('ends the wait of a busy time a quarter of it after the last write', async () => {
  await busy();
  add('a', 60, 100);
  await after(20);
  add('b', 1, 100);
  expect(await after(24)).toEqual([]);
  expect(await after(2)).toEqual([['a', 'b']]);
});

it('lets no write wait longer than its time, however many come', async () => {
  await busy();
  for (let at = 0; at < 100; at += 10) {
    add(`at ${at}`, 1, 100);
    expect(await after(9)).toEqual([]);
    await vi.advanceTimersByTimeAsync(1);
  }
  const [first] = await after(1);
  expect(first).toHaveLength(10);
});

it('lets nothing wait once there are enough rows for a commit', async () => {
  await busy();
  add('records', 250, 100);
  expect(await after(10)).toEqual([]);
  add('keys', 250, 100);
  expect(await after(1)).toEqual([['records', 'keys']]);
  // The rows of a commit count no more.
  add('records', 250, 100);
  expect(await after(24)).toEqual([]);
  expect(await after(2)).toEqual([['records']]);
});

it('writes many rows in several transactions, and counts the rows of those that are left', async () => {
  await busy();
  for (const name of ['a', 'b', 'c', 'd', 'e']) add(name, 400, 100);
  expect(await after(5)).toEqual([['a', 'b'], ['c', 'd'], ['e']]);
  add('f', 399, 100);
  expect(await after(24)).toEqual([]);
  add('g', 1, 100);
  expect(await after(1)).toEqual([['f', 'g']]);
});

it('counts the rows of a failed write no more', async () => {
  await busy();
  const thrown = expect(
    writes.add(
      300,
      () => {
        throw new Error('disk');
      },
      100,
    ),
  ).rejects.toThrow('disk');
  await after(30);
  await thrown;
  add('a', 300, 100);
  expect(await after(24)).toEqual([]);
  expect(await after(2)).toEqual([['a']]);
});

it('writes what cannot wait at once, and without what waits', async () => {
  await busy();
  add('patient', 1, 100);
  add('urgent', 1, 0);
  expect(await after(0)).toEqual([['urgent']]);
  expect(await after(26)).toEqual([['patient']]);
});
