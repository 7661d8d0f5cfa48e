import { describe, expect, it } from 'vitest';
import { digestsOf } from '../compare.ts';
import { type ViewOp, CheckpointMoved } from '../store.ts';
import { traceOf } from '../traces.ts';
import { openedStore, item } from './opened.ts';
import { type ViewsHarness, items, totals, collect } from './fixture.ts';

/** The contract of the store: conditional writes, checkpoints, builds. */
export function storeContract(name: string, open: () => Promise<ViewsHarness>): void {
  describe(`${name}: store`, () => {
    const { fresh, put, get } = openedStore(open);

    it('writes a part only over an older position of the same partition', async () => {
      await put(item('a', 5, { n: 5, group: 'g' }));
      await put(item('a', 4, { n: 4, group: 'g' }));
      await put(item('a', 5, { n: 55, group: 'g' }));
      expect(await get('a')).toEqual({ n: 5, group: 'g' });
      await put(item('a', 6, { n: 6, group: 'g' }));
      expect(await get('a')).toEqual({ n: 6, group: 'g' });
    });

    it('deletes documents with their bodies and index entries, and writes them again if they come again', async () => {
      const value = { n: 1, group: 'g', tags: ['t'], line: 'a line' };
      await put(item('a', 1, value), item('b', 2, { ...value, n: 2 }));
      await fresh.views.store.remove(items, ['a', 'nobody']);
      await fresh.views.store.remove(items, []);
      const reader = fresh.views.reader(items);
      expect(await get('a')).toBeUndefined();
      expect(await fresh.views.store.count(items)).toBe(1);
      for (const query of [
        { index: 'by_group', equals: ['g'] },
        { index: 'by_tag', equals: ['g', 't'] },
      ])
        expect((await reader.find({ ...query, limit: 9 })).map(({ _id }) => _id)).toEqual(['b']);
      await put(item('a', 1, value));
      const again = await reader.getMany(['a', 'b'], { bodies: ['item.line'] });
      expect(again.map((d) => Buffer.from((d!['item'] as { line: Uint8Array }).line).toString())).toEqual([
        'a line',
        'a line',
      ]);
    });

    it('stores positions of several partitions for one part, also of high numbers', async () => {
      await put(item('a', 5, { n: 1, group: 'g' }, 0));
      await put(item('a', 2, { n: 2, group: 'g' }, 3));
      await put(item('a', 1, { n: 3, group: 'g' }, 5000));
      await put(item('a', 5, { n: 9, group: 'g' }, 0));
      await put(item('a', 2, { n: 9, group: 'g' }, 3));
      await put(item('a', 1, { n: 9, group: 'g' }, 5000));
      expect(await get('a')).toEqual({ n: 3, group: 'g' });
      expect((await fresh.views.store.parts(items, 1, 'item', ['a'])).get('a')?.position).toEqual({
        0: 5,
        3: 2,
        5000: 1,
      });
      await put(item('a', 3, { n: 4, group: 'g' }, 3));
      expect(await get('a')).toEqual({ n: 4, group: 'g' });
    });

    it('refuses a write whose part has changed since it was read, and its checkpoint with it', async () => {
      await put(item('a', 5, { n: 5, group: 'g' }));
      const checkpoint = { topic: 't.items', partition: 1, next: 4, progress: [] };
      const advance = { ...checkpoint, from: 0 };
      expect(
        await fresh.views.store.apply(items, 1, [{ ...item('a', 3, { n: 9, group: 'g' }, 1), base: {} }], advance),
      ).toEqual(['a']);
      expect(await get('a')).toEqual({ n: 5, group: 'g' });
      expect(await fresh.views.store.checkpoints(items, 'live')).toEqual([]);
      expect(
        await fresh.views.store.apply(
          items,
          1,
          [{ ...item('a', 3, { n: 9, group: 'g' }, 1), base: { 0: 5 } }],
          advance,
        ),
      ).toEqual([]);
      expect(await get('a')).toEqual({ n: 9, group: 'g' });
      expect(await fresh.views.store.checkpoints(items, 'live')).toEqual([checkpoint]);
    });

    it(
      'gives each read what was written before it, also where documents are kept decoded, and after a build was ' +
        'swapped in',
      async () => {
        await fresh.views.store.ensure(totals);
        const reader = fresh.views.reader(totals);
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
        await fresh.views.store.apply(
          totals,
          1,
          ['a', 'b', 'c'].map((id) => sum(id, 1, 1)),
        );
        for (let round = 0; round < 2; round++)
          expect([await sums('a'), await sums('b'), await sums('c'), await sums('d')]).toEqual([
            [1, undefined],
            [1, undefined],
            [1, undefined],
            undefined,
          ]);
        await fresh.views.store.apply(totals, 1, [sum('c', 2, 2), sum('b', 1, 7, 'right')]);
        expect([await sums('c'), await sums('b'), await sums('a')]).toEqual([
          [2, undefined],
          [1, 7],
          [1, undefined],
        ]);
        await fresh.views.store.apply(totals, 1, [sum('b', 2, null), sum('a', 2, null)]);
        expect([await sums('b'), await sums('a')]).toEqual([[undefined, 7], undefined]);
        const build = await fresh.views.store.startBuild(totals);
        await fresh.views.store.apply(totals, build, [sum('b', 2, 5)]);
        expect(await sums('b')).toEqual([undefined, 7]);
        await fresh.views.store.swap(totals, build);
        expect([await sums('b'), await sums('c')]).toEqual([[5, undefined], undefined]);
      },
    );

    it('finds the fields of an index alone, and the text of parts', async () => {
      await put(
        item('a', 1, { n: 1, group: 'g', tags: ['x'], line: 'é' }),
        item('b', 2, { n: 2, group: 'g' }),
        item('c', 3, { n: 3, group: 'g' }),
      );
      await put(item('c', 4, null));
      for (const query of [
        { index: 'by_group', equals: ['g'] },
        { index: 'by_group', equals: ['g'], after: { values: [0], id: '' } },
      ]) {
        expect(await fresh.views.reader(items).find({ ...query, limit: 5, fields: 'keys' })).toEqual([
          { _id: 'a', item: { n: 1 } },
          { _id: 'b', item: { n: 2 } },
        ]);
      }
      const scanned = fresh.views.reader(items).scan({ index: 'by_group', pageSize: 1, fields: 'keys' });
      expect(await collect(scanned)).toEqual([
        { _id: 'a', item: { n: 1, group: 'g' } },
        { _id: 'b', item: { n: 2, group: 'g' } },
      ]);
      expect(
        await fresh.views.reader(items).find({ index: 'by_tag', equals: ['g', 'x'], limit: 5, fields: 'keys' }),
      ).toEqual([{ _id: 'a' }]);
      const [first] = await fresh.views
        .reader(items)
        .find({ index: 'by_group', equals: ['g'], limit: 1, bodies: ['item.line'], fields: 'text' });
      const { json, line } = first!['item'] as { json: string; line: Uint8Array };
      expect(JSON.parse(json)).toMatchObject({ n: 1 });
      expect(Buffer.from(line).toString()).toBe('é');
    });

    it('removes a part, then the document, and no older record restores it', async () => {
      await put(item('a', 1, { n: 1, group: 'g', tags: ['x'], line: 'body' }));
      await put(item('a', 3, null));
      await put(item('a', 2, { n: 2, group: 'g' }));
      const reader = fresh.views.reader(items);
      expect(await reader.get('a')).toBeUndefined();
      expect(await fresh.views.store.count(items)).toBe(0);
      expect(await reader.find({ index: 'by_group', equals: ['g'], limit: 5 })).toEqual([]);
      expect(await reader.find({ index: 'by_tag', equals: ['g', 'x'], limit: 5 })).toEqual([]);
      await put(item('a', 4, { n: 4, group: 'g' }));
      expect(await get('a')).toEqual({ n: 4, group: 'g' });
      expect(await fresh.views.store.count(items)).toBe(1);
    });

    it('keeps bodies beside the document and loads them only when asked', async () => {
      await put(
        item('a', 1, { n: 1, group: 'g', line: new Uint8Array([1, 2, 255]) }),
        item('b', 2, { n: 2, group: 'g', line: 'grüße' }),
        item('c', 3, { n: 3, group: 'g' }),
      );
      const reader = fresh.views.reader(items);
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

    it('returns a part exactly: names with dots and dollars, nothing, nulls, dates as text', async () => {
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
      expect((await fresh.views.store.parts(items, 1, 'item', ['a'])).get('a')!.value).toEqual({
        ...held,
        at: '1970-01-01T00:00:00.000Z',
      });
    });

    it.each([false, true])('lets two topics write the same new document at once (both have read: %s)', async (both) => {
      await fresh.views.store.ensure(totals);
      const ids = Array.from({ length: 20 }, (_, i) => `d${i}`);
      const write = (part: string, base: boolean): Promise<readonly string[]> =>
        fresh.views.store.apply(
          totals,
          1,
          ids.map((id) => ({
            id,
            part,
            partition: 0,
            offset: 1,
            value: { sum: 1, seen: 1 },
            ...(base && { base: {} }),
          })),
        );
      expect(await Promise.all([write('left', true), write('right', both)])).toEqual([[], []]);
      for (const document of await fresh.views.reader(totals).getMany(ids))
        expect(document).toMatchObject({ left: { sum: 1 }, right: { sum: 1 } });
    });

    it('saves many checkpoints at the same time, and refuses those alone whose value has moved', async () => {
      const { store } = fresh.views;
      const save = (partition: number, from: number, next: number) =>
        store.apply(items, 1, [], { topic: 't.items', partition, from, next, progress: [] });
      const partitions = Array.from({ length: 20 }, (_, partition) => partition);
      await Promise.all(partitions.map((partition) => save(partition, 0, 1)));
      await save(3, 1, 2);
      await save(4, 1, 2);
      // The first has been moved to the same value, the other one beyond it.
      const results = await Promise.allSettled(partitions.map((p) => save(p, 1, p === 3 ? 2 : 3)));
      const refused = results.flatMap(({ status }, partition) => (status === 'rejected' ? [partition] : []));
      expect(refused).toEqual([3, 4]);
      for (const result of results)
        if (result.status === 'rejected') expect(result.reason).toBeInstanceOf(CheckpointMoved);
      const created = await Promise.allSettled([save(30, 0, 1), save(5, 0, 9), save(31, 0, 1)]);
      expect(created.map(({ status }) => status)).toEqual(['fulfilled', 'rejected', 'fulfilled']);
      const kept = (await store.checkpoints(items, 'live')).toSorted((a, b) => a.partition - b.partition);
      expect(kept.map(({ next }) => next)).toEqual([...partitions.map((p) => (p === 3 || p === 4 ? 2 : 3)), 1, 1]);
    });

    it('moves a checkpoint only from its current value, never in a sealed build; two never hold a lease', async () => {
      const at = (next: number, partition = 0) => ({ topic: 't.items', partition, next, progress: [] });
      await fresh.views.store.apply(items, 1, [], { ...at(2), from: 0 });
      await fresh.views.store.apply(items, 1, [], { ...at(5), from: 2 });
      for (const from of [0, 2, 6])
        await expect(fresh.views.store.apply(items, 1, [], { ...at(9), from })).rejects.toThrow(CheckpointMoved);
      const expected = (partition: number, from: number) => ({ topic: 't.items', partition, from });
      await fresh.views.store.verify(items, 1, expected(0, 5));
      await fresh.views.store.verify(items, 1, expected(1, 0));
      await expect(fresh.views.store.verify(items, 1, expected(0, 2))).rejects.toThrow(CheckpointMoved);
      const build = await fresh.views.store.startBuild(items);
      expect([
        await fresh.views.store.lease(items, build, 'a', 60_000),
        await fresh.views.store.lease(items, build, 'b', 60_000),
        await fresh.views.store.lease(items, build, 'a', 60_000),
      ]).toEqual([true, false, true]);
      expect(
        (await fresh.views.store.seal(items, [{ topic: 't.items', partition: 0 }])).find((c) => c.partition === 0)!
          .next,
      ).toBe(5);
      await expect(fresh.views.store.apply(items, 1, [], { ...at(6), from: 5 })).rejects.toThrow(CheckpointMoved);
      await fresh.views.store.apply(items, build, [], { ...at(6), from: 0 });
      await fresh.views.store.unseal(items);
      await fresh.views.store.apply(items, 1, [], { ...at(6), from: 5 });
      await fresh.views.store.release(items, build, 'a');
      expect(await fresh.views.store.lease(items, build, 'b', 60_000)).toBe(true);
      await fresh.views.store.dropBuild(items, build);
      expect(await fresh.views.store.lease(items, build, 'b', 60_000)).toBe(false);
      expect(await fresh.views.store.reopen(items)).toBeUndefined();
    });

    it('refuses the late swap of a builder whose own process lifted the seal after the lease', async () => {
      const { store } = fresh.views;
      if (!store.shared) return;
      await store.ensure(items);
      const build = await store.startBuild(items);
      // A lease that has run out already.
      await store.lease(items, build, 'a', -1);
      await store.announceSwap(items);
      await store.seal(items, [{ topic: 't.items', partition: 0 }]);
      await store.builds(items, true);
      await store.apply(items, 1, [], { topic: 't.items', partition: 0, from: 0, next: 1, progress: [] });
      await expect(store.swap(items, build)).rejects.toThrow(/seal/);
      expect((await store.builds(items, true))!.live).toBe(1);
    });

    it('reads nothing from a view that does not exist yet', async () => {
      const reader = fresh.views.reader(totals);
      expect(await reader.get('a')).toBeUndefined();
      expect(await reader.find({ index: 'by_sum', limit: 1 })).toEqual([]);
      expect(await fresh.views.store.count(items)).toBe(0);
      expect(await reader.position()).toEqual({ topics: { 't.left': [], 't.right': [] }, derived: {} });
    });

    it(
      'keeps what an operation says of its trace beside the document, until it is written again, if others read ' +
        'the store',
      async () => {
        const trace = '00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01';
        await put({ ...item('a', 1, { n: 1, group: 'g' }), trace }, item('b', 2, { n: 2, group: 'g' }));
        const [a, b] = await fresh.views.reader(items).getMany(['a', 'b']);
        expect([a, b]).toEqual([
          { _id: 'a', item: { n: 1, group: 'g' } },
          { _id: 'b', item: { n: 2, group: 'g' } },
        ]);
        expect([traceOf(a!), traceOf(b!)]).toEqual([
          fresh.views.store.shared && name.includes('mongo') ? [trace] : [],
          [],
        ]);
        const [traced] = await digestsOf(fresh.views.store, items, [1], { 't.items': [9] });
        await put(item('a', 3, { n: 1, group: 'g' }));
        expect(traceOf((await fresh.views.reader(items).get('a'))!)).toEqual([]);
        expect(await digestsOf(fresh.views.store, items, [1], { 't.items': [9] })).toEqual([traced]);
      },
    );

    it('digests documents that have not moved beyond a position, in any order, without their positions', async () => {
      const build = await fresh.views.store.startBuild(items);
      const value = (n: number): object => ({ n, group: 'g', line: `body ${n}` });
      await put(item('a', 1, value(1)), item('b', 2, value(2)), item('gone', 3, value(3)));
      await put(item('gone', 4, null));
      await fresh.views.store.apply(items, build, [item('b', 7, value(2)), item('a', 9, value(1))]);
      const digests = () => digestsOf(fresh.views.store, items, [1, build], { 't.items': [20, 0] });
      await put(item('later', 20, value(5)), item('elsewhere', 0, value(6), 1));
      const [live, built] = await digests();
      expect(live).toEqual(built);
      expect(live!.count).toBe(2);
      await fresh.views.store.apply(items, build, [item('a', 10, { ...value(1), line: 'other' })]);
      expect((await digests())[1]!.hash).not.toBe(live!.hash);
    });

    it('swaps a build in at once and keeps the old one until it is dropped', async () => {
      await put(item('a', 1, { n: 1, group: 'g' }));
      const build = await fresh.views.store.startBuild(items);
      await fresh.views.store.apply(items, build, [item('a', 1, { n: 2, group: 'g' })], {
        topic: 't.items',
        partition: 0,
        from: 0,
        next: 2,
        progress: [],
      });
      const reader = fresh.views.reader(items);
      expect((await reader.get('a'))!['item']).toMatchObject({ n: 1 });
      const old = await fresh.views.store.swap(items, build);
      expect((await reader.get('a'))!['item']).toMatchObject({ n: 2 });
      expect((await reader.position()).topics).toEqual({ 't.items': [2] });
      await expect(fresh.views.store.dropBuild(items, build)).rejects.toThrow(/live build/);
      await fresh.views.store.dropBuild(items, old);
      expect(await fresh.views.store.builds(items)).toEqual({ live: build });
      expect(await fresh.views.store.startBuild(items)).toBeGreaterThan(build);
    });

    it('has documents, checkpoints and builds after it was opened again', async () => {
      if (fresh.harness.reopen === undefined) return;
      await fresh.views.store.apply(items, 1, [item('a', 1, { n: 1, group: 'g', tags: ['x'], line: 'l' })], {
        topic: 't.items',
        partition: 2,
        from: 0,
        next: 2,
        progress: [{ deriver: 'd', topic: 'in', partition: 0, next: 5 }],
      });
      const build = await fresh.views.store.startBuild(items);
      fresh.views = await fresh.harness.reopen();
      await fresh.views.store.ensure(items);
      const reader = fresh.views.reader(items);
      expect(await reader.get('a', { bodies: ['item.line'] })).toMatchObject({ item: { n: 1 } });
      const stored = (await fresh.views.store.parts(items, 1, 'item', ['a'])).get('a');
      expect(stored?.value).toMatchObject({ n: 1, group: 'g', tags: ['x'] });
      expect((await reader.find({ index: 'by_tag', equals: ['g', 'x'], limit: 1 })).length).toBe(1);
      expect(await reader.position()).toEqual({ topics: { 't.items': [0, 0, 2] }, derived: { d: { in: [5] } } });
      expect(await fresh.views.store.builds(items)).toEqual({ live: 1, building: build });
      await expect(fresh.views.store.ensure({ ...items, indexes: items.indexes.slice(1) })).rejects.toThrow(
        /new version/,
      );
      expect((await collect(reader.scan({ index: 'by_group', equals: ['g'] }))).length).toBe(1);
    });
  });
}
