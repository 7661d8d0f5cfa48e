import { afterEach, expect, test } from 'vitest';
import { ThreadError, ThreadPool } from './index.ts';

let pool: ThreadPool<Uint8Array, number>;
const open = (options: { size?: number; ahead?: number } = {}): void => {
  pool = new ThreadPool(new URL('../../test/threads/sums-worker.ts', import.meta.url), options);
};
const sum = (...bytes: number[]): Promise<number> => pool.call(Uint8Array.from(bytes));
afterEach(() => pool.close());

test.each([{}, { ahead: 3 }, { size: 2 }, { size: 9, ahead: 9 }])('answers each call, with %j', async (options) => {
  open(options);
  const calls = Array.from({ length: 8 }, (_, i) => sum(1, i));
  expect(await Promise.all(calls)).toEqual([1, 2, 3, 4, 5, 6, 7, 8]);
});
test('starts a thread with the first call, and a second thread only for a call at the same time', async () => {
  open({ size: 2 });
  expect(pool.threads.size).toBe(0);
  await sum(1);
  await sum(2);
  expect(pool.threads.size).toBe(1);
  await Promise.all([sum(1), sum(2), sum(3)]);
  expect(pool.threads.size).toBe(2);
});
test('moves the buffers that are to be transferred', async () => {
  open();
  const bytes = Uint8Array.of(3, 4);
  expect(await pool.call(bytes, [bytes.buffer])).toBe(7);
  expect(bytes.byteLength).toBe(0);
});
test('names the exception of a call without its message, and continues', async () => {
  open();
  const error = await sum(0).catch((e: unknown) => e as ThreadError);
  expect(error).toMatchObject({ name: 'ThreadError', thrown: 'RangeError', message: 'RangeError' });
  expect((error as ThreadError).stack).toContain('sums-worker');
  expect((error as ThreadError).stack).not.toContain('stays in the thread');
  expect(await sum(1, 1)).toBe(2);
});
test('rejects the calls of a thread that ends, and gives later ones to another thread', async () => {
  open({ ahead: 2 });
  const [ending, behind, queued] = [sum(), sum(1), sum(2)];
  for (const call of [ending, behind])
    await expect(call).rejects.toMatchObject({ thrown: undefined, message: 'the thread of sums-worker ended' });
  expect(await queued).toBe(2);
});
test('rejects open calls when it is closed, and every later call', async () => {
  open();
  const calls = [sum(1), sum(2)];
  const rejected = Promise.all(calls.map((call) => expect(call).rejects.toThrow(ThreadError)));
  await Promise.all([rejected, pool.close()]);
  await expect(sum(3)).rejects.toThrow('this process stops');
});
