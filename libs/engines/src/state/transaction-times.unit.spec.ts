import { expect, it } from 'vitest';
import { TransactionTimes } from './transaction-times.ts';

it('asks once for all calls that come during a question, and gives none of them an older answer', async () => {
  let ms = 1;
  const asked: PromiseWithResolvers<void>[] = [];
  const times = new TransactionTimes({
    load: async <S>() => {
      const answer = { version: 1, snapshot: { ms } as S };
      const gate = Promise.withResolvers<void>();
      asked.push(gate);
      await gate.promise;
      return answer;
    },
    append: () => Promise.reject(new Error('not asked for')),
  });
  const first = times.newest();
  ms = 2;
  const later = [times.newest(), times.newest(), times.newest()];
  asked[0]!.resolve();
  expect(await first).toBe(1);
  await expect.poll(() => asked.length).toBe(2);
  asked[1]!.resolve();
  expect(await Promise.all(later)).toEqual([2, 2, 2]);
  expect(asked).toHaveLength(2);
});

it('asks again after a question that failed', async () => {
  let isAway = true;
  const times = new TransactionTimes({
    load: async <S>() => {
      if (isAway) throw new Error('away');
      return { version: 1, snapshot: { ms: 7 } as S };
    },
    append: () => Promise.reject(new Error('not asked for')),
  });
  const [first, second] = [times.newest(), times.newest()];
  await expect(first).rejects.toThrow('away');
  await expect(second).rejects.toThrow('away');
  isAway = false;
  expect(await times.newest()).toBe(7);
});
