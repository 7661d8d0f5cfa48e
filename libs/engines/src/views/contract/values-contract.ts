import { describe, expect, it } from 'vitest';
import type { Projection } from '../projection.ts';
import { UndeclaredQuery } from '../query.ts';
import { formerItems, items, type ViewsHarness } from './fixture.ts';
import { item, openedStore } from './opened.ts';

/** Queries by lists of values, and indexes that came after the version of a view. */
export function valuesContract(name: string, open: () => Promise<ViewsHarness>): void {
  describe(`${name}: values`, () => {
    const { fresh, put } = openedStore(open);

    it('answers all documents that have one of several lists of values, each once', async () => {
      const odd = ["it's", 'say "x"', 'a\\b', 'a\u0000b', 'ä\u{1F600}', '[1]', '$g', '1', 'true', ''];
      const values = Array.from({ length: 140 }, (_, i) => ({ n: i % 7, group: odd[i % odd.length]! }));
      await put(
        ...values.map((value, i) => item(`d${i}`, i, { ...value, line: 'l' })),
        item('unnumbered', 1000, { group: '1' }),
        item('gone', 1001, { n: 1, group: '1' }),
      );
      await put(item('gone', 1002, null), item('d0', 1003, { n: 100, group: 'moved' }));
      const stored = new Map<string, { n?: number; group: string }>(values.map((value, i) => [`d${i}`, value]));
      stored.set('d0', { n: 100, group: 'moved' }).set('unnumbered', { group: '1' });
      const reader = fresh.views.reader(items);
      const asked: [string, (string | number)[][]][] = [
        ['by_n', [[3, '1']]],
        [
          'by_n',
          [
            [0, odd[0]!],
            [100, 'moved'],
            [100, '1'],
            [0, 'moved'],
            [99, 'nobody'],
            [100, 'moved'],
          ],
        ],
        [
          'by_n',
          odd.flatMap((group, i) => [
            [i % 7, group],
            [(i + 2) % 7, group],
          ]),
        ],
        ['by_n', [[1], [5], [100], [1]]],
        ['by_group', odd.map((group) => [group])],
        [
          'by_group',
          [
            ['1', 1],
            ['true', 1],
            ['1', 100],
          ],
        ],
      ];
      for (const [index, any] of asked) {
        const found = await reader.having({ index, any });
        const wanted = [...stored].filter(([, { n, group }]) => {
          const fields = index === 'by_n' ? [n, group] : [group, n];
          return n !== undefined && any.some((list) => list.every((value, i) => value === fields[i]));
        });
        expect(found.map((d) => d._id).toSorted(), JSON.stringify(any)).toEqual(wanted.map(([id]) => id).toSorted());
        for (const { _id, item: part } of found) expect(part).toEqual(stored.get(_id));
        const texts = (await reader.having({ index, any, fields: 'text' })).map(({ _id, item: part }) => [
          _id,
          JSON.parse((part as { json: string }).json) as unknown,
        ]);
        expect(Object.fromEntries(texts)).toEqual(Object.fromEntries(wanted));
      }
      expect(await reader.having({ index: 'by_n', any: [] })).toEqual([]);
      for (const [index, any] of [
        ['by_nothing', [[1]]],
        ['by_tag', [['g', 'x']]],
        ['by_n', [[]]],
        ['by_n', [[1, 'g', 2]]],
        ['by_n', [[1], [1, 'g']]],
        ['by_n', [[null]]],
      ] as const)
        await expect(reader.having({ index, any: any as never })).rejects.toThrow(UndeclaredQuery);
    });

    it('answers as many of them as the limit says, each once, and all if there are fewer', async () => {
      await put(...Array.from({ length: 30 }, (_, i) => item(`d${i}`, i, { n: i % 3, group: 'g' })));
      const reader = fresh.views.reader(items);
      const any = [[0], [1], [0]];
      for (const [limit, count] of [
        [1, 1],
        [7, 7],
        [20, 20],
        [21, 20],
        [1000, 20],
      ] as const) {
        const found = await reader.having({ index: 'by_n', any, limit });
        expect([limit, found.length]).toEqual([limit, count]);
        expect(new Set(found.map((d) => d._id)).size).toBe(count);
        for (const { item: part } of found) expect([0, 1]).toContain((part as { n: number }).n);
      }
      // One value, at the same time as others that ask for the same one.
      const answers = await Promise.all(
        [3, 5, undefined].map((limit) => reader.having({ index: 'by_n', any: [[2]], ...(limit && { limit }) })),
      );
      expect(answers.map((found) => found.length)).toEqual([3, 5, 10]);
      for (const [limit, lists] of [
        [0, [[1]]],
        [1.5, [[1]]],
        [5, [[1, 'g']]],
      ] as const)
        await expect(reader.having({ index: 'by_n', any: lists, limit })).rejects.toThrow(UndeclaredQuery);
    });

    it('gives a view of an earlier release an index that came later, and that release goes on with it', async () => {
      const { store } = fresh.views;
      const [former, now] = [formerItems, items].map((projection) => ({ ...projection, version: 2 })) as [
        Projection,
        Projection,
      ];
      await store.ensure(former);
      await store.apply(former, 1, [item('a', 1, { n: 1, group: 'g' }), item('b', 2, { n: 2, group: 'g' })]);
      await store.ensure(now);
      const found = async (n: number): Promise<readonly string[]> =>
        (await fresh.views.reader(now).find({ index: 'by_n', equals: [n], limit: 9 })).map((d) => d._id);
      expect([await found(1), await found(2)]).toEqual([['a'], ['b']]);
      await store.ensure(former);
      await store.apply(former, 1, [item('c', 3, { n: 1, group: 'h' }), item('a', 4, { n: 5, group: 'g' })]);
      expect([await found(1), await found(5)]).toEqual([['c'], ['a']]);
      await store.ensure(now);
      expect([await found(1), await found(2), await found(5)]).toEqual([['c'], ['b'], ['a']]);
    });
  });
}
