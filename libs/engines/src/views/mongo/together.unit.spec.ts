import { setImmediate as nextTurn } from 'node:timers/promises';
import { expect, it } from 'vitest';
import { EngineUnavailable } from '../../log/index.ts';
import { Together } from './together.ts';

/** Doubles numbers, notes each call, and fails if one of its numbers is negative. */
function doubling(failure: (n: number) => Error = (n) => new Error(`negative: ${n}`)) {
  const calls: (readonly number[])[] = [];
  const run = async (numbers: readonly number[]): Promise<readonly number[]> => {
    calls.push([...numbers]);
    await nextTurn();
    const bad = numbers.find((n) => n < 0);
    if (bad !== undefined) throw failure(bad);
    return numbers.map((n) => 2 * n);
  };
  return { calls, run };
}

it('makes one call of those of one turn and one key, and answers each', async () => {
  const together = new Together<number, number>();
  const { calls, run } = doubling();
  const first = [1, 2, 3].map((n) => together.call('a', n, run));
  const other = together.call('b', 4, run);
  expect(await Promise.all([...first, other])).toEqual([2, 4, 6, 8]);
  expect(calls).toEqual([[1, 2, 3], [4]]);
});

it('begins another call for what comes while one is under way', async () => {
  const together = new Together<number, number>();
  const { calls, run } = doubling();
  const first = together.call('a', 1, run);
  await nextTurn();
  const second = together.call('a', 2, run);
  expect(await Promise.all([first, second])).toEqual([2, 4]);
  expect(calls).toEqual([[1], [2]]);
});

it('gives an error to the caller that made it, and to no other', async () => {
  const together = new Together<number, number>();
  const { calls, run } = doubling();
  const answers = await Promise.allSettled([1, -2, 3].map((n) => together.call('a', n, run)));
  expect(answers.map((answer) => (answer.status === 'fulfilled' ? answer.value : String(answer.reason)))).toEqual([
    2,
    'Error: negative: -2',
    6,
  ]);
  expect(calls).toHaveLength(4);
});

it('repeats nothing while the engine is away', async () => {
  const together = new Together<number, number>();
  const { calls, run } = doubling(() => new EngineUnavailable('away'));
  const answers = await Promise.allSettled([1, -2].map((n) => together.call('a', n, run)));
  expect(answers.map(({ status }) => status)).toEqual(['rejected', 'rejected']);
  expect(calls).toEqual([[1, -2]]);
});
