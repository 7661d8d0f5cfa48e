import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import type { Views } from '../port.ts';
import { UndeclaredQuery } from '../query.ts';
import { CheckpointMoved } from '../store.ts';
import type { ViewOp } from '../store.ts';
import { traceOf } from '../traces.ts';
import { collect, items, totals } from './fixture.ts';
import type { ViewsHarness } from './fixture.ts';

const item = (id: string, offset: number, value: unknown, partition = 0): ViewOp => ({
  id,
  part: 'item',
  partition,
  offset,
  value,
});

/** The engine's half of the contract: conditional writes, checkpoints, queries, builds. */
export function storeContract(name: string, open: () => Promise<ViewsHarness>): void {
  describe(`${name}: store`, () => {
    let harness: ViewsHarness;
    let views: Views;
    const put = (...ops: ViewOp[]): Promise<readonly string[]> => views.store.apply(items, 'live', ops);
    const get = async (id: string): Promise<unknown> => (await views.reader(items).get(id))?.['item'];
    beforeEach(async () => {
      harness = await open();
      views = harness.views;
      await views.store.ensure(items);
    });
    afterEach(() => harness.close());

    it('writes a part only over an older position of the same partition', async () => {
      await put(item('a', 5, { n: 5, group: 'g' }));
      await put(item('a', 4, { n: 4, group: 'g' }), item('a', 5, { n: 55, group: 'g' }));
      expect(await get('a')).toEqual({ n: 5, group: 'g' });
      await put(item('a', 6, { n: 6, group: 'g' }));
      expect(await get('a')).toEqual({ n: 6, group: 'g' });
    });

    it('knows positions of several partitions for one part, also of high numbers', async () => {
      await put(
        item('a', 5, { n: 1, group: 'g' }, 0),
        item('a', 2, { n: 2, group: 'g' }, 3),
        item('a', 1, { n: 3, group: 'g' }, 5000),
      );
      await put(
        item('a', 5, { n: 9, group: 'g' }, 0),
        item('a', 2, { n: 9, group: 'g' }, 3),
        item('a', 1, { n: 9, group: 'g' }, 5000),
      );
      expect(await get('a')).toEqual({ n: 3, group: 'g' });
      expect((await views.store.parts(items, 'live', 'item', ['a'])).get('a')?.position).toEqual({
        0: 5,
        3: 2,
        5000: 1,
      });
      await put(item('a', 3, { n: 4, group: 'g' }, 3));
      expect(await get('a')).toEqual({ n: 4, group: 'g' });
    });

    it('refuses a write whose part has moved since it was read, and its checkpoint with it', async () => {
      await put(item('a', 5, { n: 5, group: 'g' }));
      const checkpoint = { topic: 't.items', partition: 1, next: 4, progress: [] };
      expect(
        await views.store.apply(items, 'live', [{ ...item('a', 3, { n: 9, group: 'g' }, 1), base: {} }], checkpoint),
      ).toEqual(['a']);
      expect(await get('a')).toEqual({ n: 5, group: 'g' });
      expect(await views.store.checkpoints(items, 'live')).toEqual([]);
      expect(
        await views.store.apply(
          items,
          'live',
          [{ ...item('a', 3, { n: 9, group: 'g' }, 1), base: { 0: 5 } }],
          checkpoint,
        ),
      ).toEqual([]);
      expect(await get('a')).toEqual({ n: 9, group: 'g' });
      expect(await views.store.checkpoints(items, 'live')).toEqual([checkpoint]);
    });

    it(
      'gives each read what was written before it, also where documents are kept decoded, and after a build was ' +
        'swapped in',
      async () => {
        await views.store.ensure(totals);
        const reader = views.reader(totals);
        const sum = (id: string, offset: number, n: number | null, part = 'left'): ViewOp => ({
          id,
          part,
          partition: 0,
          offset,
          value: n === null ? null : { sum: n, seen: 1 },
        });
        const sums = async (id: string): Promise<unknown> => {
          const document = await reader.get(id);
          return document && ['left', 'right'].map((part) => (document[part] as { sum: number } | undefined)?.sum);
        };
        await views.store.apply(
          totals,
          'live',
          ['a', 'b', 'c'].map((id) => sum(id, 1, 1)),
        );
        for (let round = 0; round < 2; round++)
          expect([await sums('a'), await sums('b'), await sums('c'), await sums('d')]).toEqual([
            [1, undefined],
            [1, undefined],
            [1, undefined],
            undefined,
          ]);
        await views.store.apply(totals, 'live', [sum('c', 2, 2), sum('b', 1, 7, 'right')]);
        expect([await sums('c'), await sums('b'), await sums('a')]).toEqual([
          [2, undefined],
          [1, 7],
          [1, undefined],
        ]);
        await views.store.apply(totals, 'live', [sum('b', 2, null), sum('a', 2, null)]);
        expect([await sums('b'), await sums('a')]).toEqual([[undefined, 7], undefined]);
        const build = await views.store.startBuild(totals);
        await views.store.apply(totals, build, [sum('b', 2, 5)]);
        expect(await sums('b')).toEqual([undefined, 7]);
        await views.store.swap(totals, build);
        expect([await sums('b'), await sums('c')]).toEqual([[5, undefined], undefined]);
      },
    );

    it('finds indexed fields and bodies alone', async () => {
      await put(
        item('a', 1, { n: 1, group: 'g', tags: ['x'], line: 'é' }),
        item('b', 2, { n: 2, group: 'g' }),
        item('c', 3, { n: 3, group: 'g' }),
        item('c', 4, null),
      );
      for (const query of [
        { index: 'by_group', equals: ['g'] },
        { index: 'by_group', equals: ['g'], after: { values: [0], id: '' } },
      ]) {
        const found = await views.reader(items).find({ ...query, limit: 5, bodies: ['item.line'], fields: 'indexed' });
        expect(found).toMatchObject([
          { _id: 'a', item: { n: 1, group: 'g' } },
          { _id: 'b', item: { n: 2, group: 'g' } },
        ]);
        expect(found.map((d) => Buffer.from((d['item'] as { line?: Uint8Array }).line ?? []).toString('utf8'))).toEqual(
          ['é', ''],
        );
      }
      expect(
        await views.reader(items).find({ index: 'by_tag', equals: ['g', 'x'], limit: 5, fields: 'indexed' }),
      ).toMatchObject([{ _id: 'a', item: { n: 1 } }]);
    });

    it('removes a part, then the document, and no older record brings it back', async () => {
      await put(item('a', 1, { n: 1, group: 'g', tags: ['x'], line: 'body' }));
      await put(item('a', 3, null));
      await put(item('a', 2, { n: 2, group: 'g' }));
      const reader = views.reader(items);
      expect(await reader.get('a')).toBeUndefined();
      expect(await reader.count()).toBe(0);
      expect(await reader.find({ index: 'by_group', equals: ['g'], limit: 5 })).toEqual([]);
      expect(await reader.find({ index: 'by_tag', equals: ['g', 'x'], limit: 5 })).toEqual([]);
      await put(item('a', 4, { n: 4, group: 'g' }));
      expect(await get('a')).toEqual({ n: 4, group: 'g' });
      expect(await reader.count()).toBe(1);
    });

    it('keeps bodies beside the document and loads them only when asked', async () => {
      await put(
        item('a', 1, { n: 1, group: 'g', line: new Uint8Array([1, 2, 255]) }),
        item('b', 2, { n: 2, group: 'g', line: 'grüße' }),
        item('c', 3, { n: 3, group: 'g' }),
      );
      const reader = views.reader(items);
      expect(await reader.get('a')).toEqual({ _id: 'a', item: { n: 1, group: 'g' } });
      const [a, b, c] = await reader.getMany(['a', 'b', 'c'], { bodies: ['item.line'] });
      expect([...(a!['item'] as { line: Uint8Array }).line]).toEqual([1, 2, 255]);
      expect(Buffer.from((b!['item'] as { line: Uint8Array }).line).toString()).toBe('grüße');
      expect(c).toEqual({ _id: 'c', item: { n: 3, group: 'g' } });
      expect(
        (await reader.find({ index: 'by_group', equals: ['g'], limit: 1, bodies: ['item.line'] }))[0]!['item'],
      ).toHaveProperty('line');
      await put(item('a', 4, { n: 1, group: 'g' }));
      expect((await reader.get('a', { bodies: ['item.line'] }))!['item']).not.toHaveProperty('line');
    });

    it('gives back exactly what a part held: names with dots and dollars, nothing, nulls, dates as text', async () => {
      const held = {
        n: 1,
        group: 'g',
        tags: [],
        'a.b': 1,
        $set: { $gt: '' },
        '': 'empty',
        '2': 'two',
        '1': 'one',
        nested: [[null, { deep: { er: true } }]],
        big: 2 ** 53,
        small: -0.5,
        none: null,
        text: 'é\u0000\u{1F600}',
      };
      await put(item('a', 1, { ...held, gone: undefined, at: new Date(0) }));
      expect(await get('a')).toEqual({ ...held, at: '1970-01-01T00:00:00.000Z' });
      expect((await views.store.parts(items, 'live', 'item', ['a'])).get('a')!.value).toEqual({
        ...held,
        at: '1970-01-01T00:00:00.000Z',
      });
    });

    it('lets two topics write the same new document at once', async () => {
      await views.store.ensure(totals);
      const ids = Array.from({ length: 20 }, (_, i) => `d${i}`);
      const write = (part: string, base: boolean): Promise<readonly string[]> =>
        views.store.apply(
          totals,
          'live',
          ids.map((id) => ({
            id,
            part,
            partition: 0,
            offset: 1,
            value: { sum: 1, seen: 1 },
            ...(base && { base: {} }),
          })),
        );
      expect(await Promise.all([write('left', true), write('right', false)])).toEqual([[], []]);
      for (const document of await views.reader(totals).getMany(ids))
        expect(document).toMatchObject({ left: { sum: 1 }, right: { sum: 1 } });
    });

    it('moves a checkpoint only from its current place, never in a sealed build; two never hold a lease', async () => {
      const at = (next: number, partition = 0) => ({ topic: 't.items', partition, next, progress: [] });
      await views.store.apply(items, 1, [], at(2), 0);
      await views.store.apply(items, 1, [], at(5), 2);
      for (const from of [0, 2, 6])
        await expect(views.store.apply(items, 1, [], at(9), from)).rejects.toThrow(CheckpointMoved);
      await views.store.verify(items, 1, 't.items', 0, 5);
      await views.store.verify(items, 1, 't.items', 1, 0);
      await expect(views.store.verify(items, 1, 't.items', 0, 2)).rejects.toThrow(CheckpointMoved);
      const build = await views.store.startBuild(items);
      expect([
        await views.store.lease(items, build, 'a', 60_000),
        await views.store.lease(items, build, 'b', 60_000),
        await views.store.lease(items, build, 'a', 60_000),
      ]).toEqual([true, false, true]);
      expect(
        (await views.store.seal(items, [{ topic: 't.items', partition: 0 }])).find((c) => c.partition === 0)!.next,
      ).toBe(5);
      await expect(views.store.apply(items, 1, [], at(6), 5)).rejects.toThrow(CheckpointMoved);
      await views.store.apply(items, build, [], at(6), 0);
      await views.store.unseal(items);
      await views.store.apply(items, 1, [], at(6), 5);
      await views.store.release(items, build, 'a');
      expect(await views.store.lease(items, build, 'b', 60_000)).toBe(true);
      await views.store.dropBuild(items, build);
      expect(await views.store.lease(items, build, 'b', 60_000)).toBe(false);
      expect(await views.store.reopen(items)).toBeUndefined();
    });

    it('answers getMany in the order asked, with undefined for what is not there', async () => {
      await put(item('a', 1, { n: 1, group: 'g' }), item('b', 2, { n: 2, group: 'g' }));
      expect((await views.reader(items).getMany(['b', 'nobody', 'a', 'b'])).map((d) => d?._id)).toEqual([
        'b',
        undefined,
        'a',
        'b',
      ]);
    });

    it('orders and cuts by index: equality, range, keyset, both ways', async () => {
      await put(
        ...[5, 3, 1, 4, 2, 3].map((n, i) => item(`d${i}`, i, { n, group: 'g' })),
        item('other', 9, { n: 3, group: 'h' }),
        item('unnumbered', 10, { group: 'g' }),
      );
      const reader = views.reader(items);
      const ids = async (query: object): Promise<string[]> =>
        (await reader.find({ index: 'by_group', limit: 10, ...query })).map((d) => d._id);
      expect(await ids({ equals: ['g'] })).toEqual(['d2', 'd4', 'd1', 'd5', 'd3', 'd0']);
      expect(await ids({ equals: ['g'], order: 'desc', limit: 3 })).toEqual(['d0', 'd3', 'd5']);
      expect(await ids({ equals: ['g', 3] })).toEqual(['d1', 'd5']);
      expect(await ids({ equals: ['g'], range: { gte: 2, lt: 4 } })).toEqual(['d4', 'd1', 'd5']);
      expect(await ids({ equals: ['g'], range: { gt: 2, lte: 4 }, order: 'desc' })).toEqual(['d3', 'd5', 'd1']);
      expect(await ids({ equals: ['g'], after: { values: [3], id: 'd1' } })).toEqual(['d5', 'd3', 'd0']);
      expect(await ids({ equals: ['g'], after: { values: [3], id: 'd5' }, order: 'desc' })).toEqual(['d1', 'd4', 'd2']);
      expect(await ids({ equals: ['g'], range: { gte: 3, lte: 4 }, after: { values: [3], id: 'd1' } })).toEqual([
        'd5',
        'd3',
      ]);
      expect(await ids({ equals: ['g'], range: { gte: 4 }, after: { values: [1], id: 'd2' } })).toEqual(['d3', 'd0']);
      expect(await ids({ equals: ['g', 3], after: { values: [], id: 'd1' } })).toEqual(['d5']);
      expect(await ids({})).toEqual(['d2', 'd4', 'd1', 'd5', 'd3', 'd0', 'other']);
      expect(await ids({ range: { gt: 'g' } })).toEqual(['other']);
      expect(await ids({ equals: ['nobody'] })).toEqual([]);
    });

    it('compares text by its UTF-8 bytes', async () => {
      await put(...['b', 'B', 'a', '\u{1F600}', '\uFFFD', 'ä'].map((group, i) => item(`d${i}`, i, { n: 1, group })));
      const found = await views.reader(items).find({ index: 'by_group', limit: 10 });
      expect(found.map((d) => (d['item'] as { group: string }).group)).toEqual([
        'B',
        'a',
        'b',
        'ä',
        '\uFFFD',
        '\u{1F600}',
      ]);
    });

    it('finds by array membership, and follows changes of the array', async () => {
      await put(
        item('a', 1, { n: 1, group: 'g', tags: ['x', 'y', 'x'] }),
        item('b', 2, { n: 2, group: 'g', tags: ['y'] }),
        item('c', 3, { n: 3, group: 'h', tags: ['x'] }),
      );
      const reader = views.reader(items);
      const ids = async (tag: string, more: object = {}): Promise<string[]> =>
        (await reader.find({ index: 'by_tag', equals: ['g', tag], limit: 10, ...more })).map((d) => d._id);
      expect(await ids('x')).toEqual(['a']);
      expect(await ids('y')).toEqual(['a', 'b']);
      expect(await ids('y', { after: { values: [], id: 'a' } })).toEqual(['b']);
      expect(await ids('y', { order: 'desc', limit: 1 })).toEqual(['b']);
      await put(item('a', 4, { n: 1, group: 'g', tags: ['z'] }));
      expect([await ids('x'), await ids('y'), await ids('z')]).toEqual([[], ['b'], ['a']]);
    });

    it('scans without losing or doubling what is not touched, while others write', async () => {
      const all = Array.from({ length: 40 }, (_, i) => `d${String(i).padStart(2, '0')}`);
      await put(...all.map((id, i) => item(id, i, { n: i, group: 'g' })));
      const seen: string[] = [];
      let offset = 100;
      for await (const document of views.reader(items).scan({ index: 'by_group', equals: ['g'], pageSize: 7 })) {
        seen.push(document._id);
        const n = seen.length;
        await put(
          item(`new${n}`, offset++, { n: 100 - n * 2.5, group: 'g' }),
          item(all[n % 2]!, offset++, { n: 1000, group: 'g' }),
        );
        if (n > 500) break;
      }
      const untouched = all.slice(2);
      expect(seen.filter((id) => untouched.includes(id))).toEqual(untouched);
    });

    it('scans a whole index, over pages and equal values, without documents that lack its field', async () => {
      const { store } = views;
      await store.ensure(totals);
      const of = (part: 'left' | 'right', i: number) => ({
        id: `d${String(i).padStart(2, '0')}`,
        part,
        partition: 0,
        offset: i,
        value: { sum: i % 5, seen: 1 },
      });
      await store.apply(
        totals,
        'live',
        Array.from({ length: 40 }, (_, i) => of(i % 4 === 0 ? 'right' : 'left', i)),
      );
      const seen = (await collect(views.reader(totals).scan({ index: 'by_sum', pageSize: 7 }))).map(
        (d) => [(d['left'] as { sum: number }).sum, d._id] as const,
      );
      const expected = Array.from({ length: 40 }, (_, i) => of('left', i))
        .filter(({ offset }) => offset % 4 !== 0)
        .map((o) => [o.value.sum, o.id] as const);
      expect(seen).toEqual(expected.sort(([a, x], [b, y]) => a - b || (x < y ? -1 : 1)));
    });

    it('refuses what no declared index answers, in a sentence', async () => {
      const reader = views.reader(items);
      const refused: [object, RegExp][] = [
        [{ index: 'by_nothing' }, /no index "by_nothing"/],
        [{ index: 'by_group', equals: ['g', 1, 2] }, /2 fields, 3 values/],
        [{ index: 'by_group', equals: ['g', 1], range: { gt: 1 } }, /no field left for a range/],
        [{ index: 'by_group', equals: [null] }, /only strings, finite numbers and booleans/],
        [{ index: 'by_group', equals: [Number.NaN] }, /only strings, finite numbers and booleans/],
        [{ index: 'by_group', equals: ['g'], range: { gt: { $ne: 1 } } }, /only strings, finite numbers and booleans/],
        [{ index: 'by_group', range: { gt: 'a', gte: 'a' } }, /one lower and one upper/],
        [{ index: 'by_group', equals: ['g'], after: { values: [], id: 'a' } }, /a value for each of the 1 fields/],
        [{ index: 'by_tag', equals: ['g'] }, /equality on all its fields/],
        [{ index: 'by_group', limit: 0 }, /limit is a whole number/],
        [{ index: 'by_group', bodies: ['item.n'] }, /no body "item.n"/],
      ];
      for (const [query, sentence] of refused) {
        const failure = await reader.find({ limit: 5, ...query } as never).then(
          () => undefined,
          (error: unknown) => error as Error,
        );
        expect(failure, JSON.stringify(query)).toBeInstanceOf(UndeclaredQuery);
        expect(failure!.message).toMatch(sentence);
      }
      await expect(reader.get('a', { bodies: ['item.tags'] })).rejects.toThrow(UndeclaredQuery);
      expect(() => reader.scan({ index: 'by_nothing' })).toThrow(UndeclaredQuery);
    });

    it('refuses a projection that contradicts itself', () => {
      expect(() => views.reader({ ...items, indexes: [{ name: 'x', fields: ['nobody.n'] }] })).toThrow(
        /not part.field/,
      );
      expect(() => views.reader({ ...items, bodies: ['item'] })).toThrow(/not part.field/);
      expect(() =>
        views.reader({ ...totals, indexes: [{ name: 'x', fields: ['left.a', 'right.b'], array: true }] }),
      ).toThrow(/several parts/);
    });

    it('reads nothing from a view that nobody has made yet', async () => {
      const reader = views.reader(totals);
      expect(await reader.get('a')).toBeUndefined();
      expect(await reader.find({ index: 'by_sum', limit: 1 })).toEqual([]);
      expect(await reader.count()).toBe(0);
      expect(await reader.position()).toEqual({ topics: { 't.left': [], 't.right': [] }, derived: {} });
    });

    it('upholds a unique index', async () => {
      const unique = { ...items, name: 'unique', indexes: [{ name: 'by_n', fields: ['item.n'], unique: true }] };
      await views.store.ensure(unique);
      await views.store.apply(unique, 'live', [
        item('a', 1, { n: 1, group: 'g' }),
        item('b', 2, { group: 'g' }),
        item('c', 3, { group: 'g' }),
      ]);
      await expect(views.store.apply(unique, 'live', [item('d', 4, { n: 1, group: 'g' })])).rejects.toThrow(/unique/i);
      expect((await views.reader(unique).find({ index: 'by_n', equals: [1], limit: 5 })).map((d) => d._id)).toEqual([
        'a',
      ]);
    });

    it(
      'keeps what an operation says of its trace beside the document, until it is written again, if others read ' +
        'the store',
      async () => {
        const trace = '00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01';
        await put({ ...item('a', 1, { n: 1, group: 'g' }), trace }, item('b', 2, { n: 2, group: 'g' }));
        const [a, b] = await views.reader(items).getMany(['a', 'b']);
        expect([a, b]).toEqual([
          { _id: 'a', item: { n: 1, group: 'g' } },
          { _id: 'b', item: { n: 2, group: 'g' } },
        ]);
        expect([traceOf(a!), traceOf(b!)]).toEqual([views.store.shared && name.includes('mongo') ? [trace] : [], []]);
        const snapshot = await views.store.snapshot(items, [1]);
        const traced = await snapshot.digest(1);
        snapshot.close();
        await put(item('a', 3, { n: 1, group: 'g' }));
        expect(traceOf((await views.reader(items).get('a'))!)).toEqual([]);
        const again = await views.store.snapshot(items, [1]);
        expect(await again.digest(1)).toEqual(traced);
        again.close();
      },
    );

    it('digests documents in any order, without their positions', async () => {
      const build = await views.store.startBuild(items);
      const value = (n: number): object => ({ n, group: 'g', line: `body ${n}` });
      await put(item('a', 1, value(1)), item('b', 2, value(2)), item('gone', 3, value(3)), item('gone', 4, null));
      await views.store.apply(items, build, [item('b', 7, value(2)), item('a', 9, value(1))]);
      const snapshot = await views.store.snapshot(items, [1, build]);
      await put(item('later', 5, value(5)));
      const [live, built] = [await snapshot.digest(1), await snapshot.digest(build)];
      snapshot.close();
      expect(live).toEqual(built);
      expect(live.count).toBe(2);
      await views.store.apply(items, build, [item('a', 10, { ...value(1), line: 'other' })]);
      const again = await views.store.snapshot(items, [build]);
      expect((await again.digest(build)).hash).not.toBe(live.hash);
      again.close();
    });

    it('swaps a build in at once and keeps the old one until it is dropped', async () => {
      await put(item('a', 1, { n: 1, group: 'g' }));
      const build = await views.store.startBuild(items);
      await views.store.apply(items, build, [item('a', 1, { n: 2, group: 'g' })], {
        topic: 't.items',
        partition: 0,
        next: 2,
        progress: [],
      });
      const reader = views.reader(items);
      expect((await reader.get('a'))!['item']).toMatchObject({ n: 1 });
      const old = await views.store.swap(items, build);
      expect((await reader.get('a'))!['item']).toMatchObject({ n: 2 });
      expect((await reader.position()).topics).toEqual({ 't.items': [2] });
      await expect(views.store.dropBuild(items, build)).rejects.toThrow(/live build/);
      await views.store.dropBuild(items, old);
      expect(await views.store.builds(items)).toEqual({ live: build });
      expect(await views.store.startBuild(items)).toBeGreaterThan(build);
    });

    it('is there again after reopening: documents, checkpoints, builds', async () => {
      if (harness.reopen === undefined) return;
      await views.store.apply(items, 'live', [item('a', 1, { n: 1, group: 'g', tags: ['x'], line: 'l' })], {
        topic: 't.items',
        partition: 2,
        next: 2,
        progress: [{ deriver: 'd', topic: 'in', partition: 0, next: 5 }],
      });
      const build = await views.store.startBuild(items);
      views = await harness.reopen();
      await views.store.ensure(items);
      const reader = views.reader(items);
      expect(await reader.get('a', { bodies: ['item.line'] })).toMatchObject({ item: { n: 1, tags: ['x'] } });
      expect((await reader.find({ index: 'by_tag', equals: ['g', 'x'], limit: 1 })).length).toBe(1);
      expect(await reader.position()).toEqual({ topics: { 't.items': [0, 0, 2] }, derived: { d: { in: [5] } } });
      expect(await views.store.builds(items)).toEqual({ live: 1, building: build });
      await expect(views.store.ensure({ ...items, indexes: items.indexes.slice(1) })).rejects.toThrow(/new version/);
      expect((await collect(reader.scan({ index: 'by_group', equals: ['g'] }))).length).toBe(1);
    });
  });
}
