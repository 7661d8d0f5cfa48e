import { describe, expect, it } from 'vitest';
import type { ElementRange } from '../projection.ts';
import { UndeclaredQuery } from '../query.ts';
import { openedStore, item } from './opened.ts';
import { type Item, type ViewsHarness, items, PLAIN_GROUP, totals, collect } from './fixture.ts';

export function queriesContract(name: string, open: () => Promise<ViewsHarness>): void {
  describe(`${name}: queries`, () => {
    const { fresh, put } = openedStore(open);

    it('answers getMany in the order of the ids, with undefined for missing documents', async () => {
      await put(item('a', 1, { n: 1, group: 'g' }), item('b', 2, { n: 2, group: 'g' }));
      expect((await fresh.views.reader(items).getMany(['b', 'nobody', 'a', 'b'])).map((d) => d?._id)).toEqual([
        'b',
        undefined,
        'a',
        'b',
      ]);
    });

    it('answers getMany of as many documents as a reader may ask for, with their bodies', async () => {
      const all = Array.from({ length: 300 }, (_, n) => `d${n}`);
      await put(...all.map((id, n) => item(id, n, { n, group: 'g', line: id })));
      const odd = ["it's", 'say "x"', 'a\\b', 'a\u0000b', 'ä\u{1F600}', '\u007f', '[1]', '%', 'é', 'e\u0301'];
      await put(...odd.map((id, n) => item(id, 1000 + n, { n, group: 'g', line: id })));
      const asked = [...odd, 'nobody', ...all, ...all.slice(0, 9), 'a'];
      const found = await fresh.views.reader(items).getMany(asked, { bodies: ['item.line'] });
      const known = new Set([...all, ...odd]);
      expect(found.map((d) => d && [d._id, Buffer.from((d['item'] as Item).line as Uint8Array).toString()])).toEqual(
        asked.map((id) => (known.has(id) ? [id, id] : undefined)),
      );
    });

    it('answers get and getMany with the text of parts', async () => {
      await put(item('a', 1, { n: 1, group: 'g', line: 'l' }), item('b', 2, { n: 2, group: 'h' }));
      const reader = fresh.views.reader(items);
      const text = { fields: 'text' } as const;
      expect((await reader.getMany(['a'], text))[0]).toMatchObject({ _id: 'a', item: { json: '{"n":1,"group":"g"}' } });
      const [b, nobody, a] = await reader.getMany(['b', 'nobody', 'a'], { ...text, bodies: ['item.line'] });
      expect([b, nobody]).toEqual([{ _id: 'b', item: { json: '{"n":2,"group":"h"}' } }, undefined]);
      expect(Buffer.from((a!['item'] as Item).line as Uint8Array).toString()).toBe('l');
    });

    it('leaves plain documents out of getMany, and follows what they become', async () => {
      const near = PLAIN_GROUP.replace('.', 'x');
      await put(
        item('plain', 1, { n: 1, group: PLAIN_GROUP, line: 'l' }),
        item('near', 2, { n: 2, group: near }),
        item('other', 3, { n: 3, group: 'g', line: `"group":${JSON.stringify(PLAIN_GROUP)}` }),
        item('quoted', 4, { n: 4, group: 'g', tags: [`"group":${JSON.stringify(PLAIN_GROUP)}`] }),
      );
      const reader = fresh.views.reader(items);
      const others = async (...ids: string[]) =>
        (await reader.getMany(ids, { plain: 'left out' })).map((d) => d && (d['item'] as Item).n);
      expect(await others('plain', 'near', 'nobody', 'other', 'quoted')).toEqual([undefined, 2, undefined, 3, 4]);
      expect([await others('plain'), await others('other')]).toEqual([[undefined], [3]]);
      expect(await reader.getMany(['plain'], { plain: 'left out' })).toEqual([undefined]);
      await put(item('plain', 5, { n: 5, group: 'g' }), item('other', 6, { n: 6, group: PLAIN_GROUP }));
      expect(await others('plain', 'other')).toEqual([5, undefined]);
      await put(item('plain', 7, null), item('other', 8, null));
      expect(await others('plain', 'other', 'near')).toEqual([undefined, undefined, 2]);
      await put(item('plain', 9, { n: 9, group: PLAIN_GROUP }), item('other', 10, { n: 10, group: 'g' }));
      expect(await others('plain', 'other')).toEqual([undefined, 10]);
    });

    it('leaves plain documents out of getMany wherever the others are in the order of ids', async () => {
      const owners = ['m1', 'm10', 'm1 ', 'm', '', 'sha"red', "o'", 'ä\u{1F600}', 'm1\u0000'];
      const names = ['', '/', '/A', '/A/1', '/A/2', '/B/1', '/\u{1F600}/1', '0', '/~'];
      const all = [...new Set(owners.flatMap((owner) => names.map((name) => owner + name)))].filter(Boolean);
      const isPlain = (at: number): boolean => at % 3 !== 0;
      await put(...all.map((id, at) => item(id, at, { n: at, group: isPlain(at) ? PLAIN_GROUP : 'g' })));
      const reader = fresh.views.reader(items);
      for (const [from, to, step] of [
        [0, all.length, 1],
        [0, all.length, 2],
        [9, 27, 1],
        [10, 70, 7],
        [3, 4, 1],
        [4, 5, 1],
      ] as const) {
        const places = all.map((_, at) => at).filter((at) => at >= from && at < to && (at - from) % step === 0);
        // In another order, some twice, and some that nobody has.
        const asked = [...places.toReversed(), ...places.slice(0, 3)].flatMap((at) => [all[at]!, `${all[at]!}?`]);
        const found = await reader.getMany(asked, { plain: 'left out' });
        const wanted = asked.map((id) => {
          const at = all.indexOf(id);
          return at < 0 || isPlain(at) ? undefined : { _id: id, item: { n: at, group: 'g' } };
        });
        expect(found).toEqual(wanted);
      }
    });

    it('loads the bodies of plain documents alone, and the rest of the others', async () => {
      await put(
        item('plain', 1, { n: 1, group: PLAIN_GROUP, line: 'of plain' }),
        item('other', 2, { n: 2, group: 'g', line: 'of other' }),
        item('bare', 3, { n: 3, group: PLAIN_GROUP }),
      );
      const reader = fresh.views.reader(items);
      const load = { bodies: ['item.line'], plain: 'bodies alone' } as const;
      const shown = (d: unknown) => {
        const { n, line } = (d as { item: Item }).item;
        return line === undefined ? [n] : [n, Buffer.from(line as Uint8Array).toString()];
      };
      const ids = ['other', 'plain', 'bare'];
      expect((await reader.getMany(ids, load)).map(shown)).toEqual([[2], [1, 'of plain'], [3]]);
      for (const id of ids) expect(shown((await reader.getMany([id], load))[0])).toHaveLength(id === 'plain' ? 2 : 1);
      expect((await reader.getMany(['other'], { ...load, fields: 'text' }))[0]).toEqual({
        _id: 'other',
        item: { json: '{"n":2,"group":"g"}' },
      });
      await put(item('plain', 4, { n: 4, group: 'g', line: 'now hidden' }));
      expect(shown((await reader.getMany(['plain'], load))[0])).toEqual([4]);
      await expect(fresh.views.reader(totals).getMany(['a'], { plain: 'left out' })).rejects.toThrow(UndeclaredQuery);
    });

    it('orders and limits by an index: equality, range, keyset, both orders', async () => {
      await put(
        ...[5, 3, 1, 4, 2, 3].map((n, i) => item(`d${i}`, i, { n, group: 'g' })),
        item('other', 9, { n: 3, group: 'h' }),
        item('unnumbered', 10, { group: 'g' }),
      );
      const reader = fresh.views.reader(items);
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
      expect(await ids({ equals: ['g'], except: ['d4', 'd3', 'unknown'] })).toEqual(['d2', 'd1', 'd5', 'd0']);
      expect(
        await ids({ equals: ['g'], except: ['d5'], after: { values: [3], id: 'd1' }, order: 'asc', limit: 1 }),
      ).toEqual(['d3']);
      expect(await ids({ equals: ['g', 3], except: ['d1'], after: { values: [], id: 'd0' } })).toEqual(['d5']);
    });

    it('compares text by its UTF-8 bytes', async () => {
      await put(...['b', 'B', 'a', '\u{1F600}', '\uFFFD', 'ä'].map((group, i) => item(`d${i}`, i, { n: 1, group })));
      const found = await fresh.views.reader(items).find({ index: 'by_group', limit: 10 });
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
      const reader = fresh.views.reader(items);
      const ids = async (tag: string, more: object = {}): Promise<string[]> =>
        (await reader.find({ index: 'by_tag', equals: ['g', tag], limit: 10, ...more })).map((d) => d._id);
      expect(await ids('x')).toEqual(['a']);
      expect(await ids('y')).toEqual(['a', 'b']);
      expect(await ids('y', { after: { values: [], id: 'a' } })).toEqual(['b']);
      expect(await ids('y', { order: 'desc', limit: 1 })).toEqual(['b']);
      await put(item('a', 4, { n: 1, group: 'g', tags: ['z'] }));
      expect([await ids('x'), await ids('y'), await ids('z')]).toEqual([[], ['b'], ['a']]);
    });

    it('answers ids by ranges of array elements, each once and in order, with all conditions', async () => {
      const tagged = (id: string, n: number, tags: string[], group = 'g') => item(id, n, { n, group, tags });
      await put(
        tagged('a', 1, ['c=1', 'd=2020', 'd=2021']),
        tagged('b', 2, ['c=1', 'd=2022']),
        tagged('c', 3, ['c=2', 'd=2021', 'e=\u{1F600}']),
        tagged('d', 4, ['c=1', 'd=2021'], 'h'),
        tagged('e', 5, []),
      );
      const reader = fresh.views.reader(items);
      const d = (gte: string, lt: string) => ({ gte: `d=${gte}`, lt: `d=${lt}` });
      const ids = async (all: readonly (readonly ElementRange[])[], more: object = {}) =>
        reader.ids({ index: 'by_tag', equals: ['g'], all, limit: 10, ...more });
      expect(await ids([['c=1']])).toEqual(['a', 'b']);
      expect(await ids([[d('2020', '2023')]])).toEqual(['a', 'b', 'c']);
      expect(await ids([[d('2020', '2022')], ['c=1']])).toEqual(['a']);
      expect(await ids([['c=1'], [d('2021', '2023')]])).toEqual(['a', 'b']);
      expect(await ids([['c=2', d('2022', '2023'), 'c=2']])).toEqual(['b', 'c']);
      expect(await ids([[d('2020', '2023')], ['c=2', d('2022', '2023')]])).toEqual(['b', 'c']);
      // Two elements, of which neither is in the range, are not in the range together.
      expect(await ids([[d('2020.5', '2020.6')]])).toEqual([]);
      expect(await ids([['c=1'], [d('2020.5', '2020.6')]])).toEqual([]);
      expect(await ids([[{ gte: 'e=\uFFFD', lt: 'f' }]])).toEqual(['c']);
      expect(await ids([['c=1', 'c=2']], { limit: 2 })).toEqual(['a', 'b']);
      expect(await ids([['c=1', 'c=2']], { after: 'a' })).toEqual(['b', 'c']);
      expect(await ids([['c=1']], { equals: ['h'] })).toEqual(['d']);
      expect(await ids([['c=1']], { equals: [['g', 'h']] })).toEqual(['a', 'b', 'd']);
      expect(await ids([[d('2021', '2022')], ['c=1']], { equals: [['h', 'g', 'x']] })).toEqual(['a', 'd']);
      expect(await ids([['c=1']], { equals: [[]] })).toEqual([]);
      expect(await ids([['c=3']])).toEqual([]);
      await put(tagged('a', 6, ['c=2']));
      expect(await ids([['c=2']])).toEqual(['a', 'c']);
      expect(await ids([['c=1']])).toEqual(['b']);
    });

    it('answers ids by as many ranges as a search may have values', async () => {
      await put(
        item('a', 1, { n: 1, group: 'g', tags: ['c=0007', 'd=1'] }),
        item('b', 2, { n: 2, group: 'g', tags: ['c=0996', 'c=0997', 'c=0997x'] }),
        item('c', 3, { n: 3, group: 'g', tags: ['c=0997', 'd=2', 'e'] }),
        item('d', 4, { n: 4, group: 'h', tags: ['c=0997'] }),
      );
      const range = (text: string): ElementRange => ({ gte: text, lt: `${text}\uFFFD` });
      const many = Array.from({ length: 1000 }, (_, n) => range(`c=${String(n).padStart(4, '0')}`));
      const ids = async (all: readonly (readonly ElementRange[])[], more: object = {}) =>
        fresh.views.reader(items).ids({ index: 'by_tag', equals: ['g'], all, limit: 10, ...more });
      expect(await ids([many])).toEqual(['a', 'b', 'c']);
      expect(await ids([many], { limit: 1, after: 'a' })).toEqual(['b']);
      expect(await ids([many], { equals: [['h', 'g']] })).toEqual(['a', 'b', 'c', 'd']);
      expect(await ids([many.slice(990)])).toEqual(['b', 'c']);
      expect(await ids([['e', ...many.slice(0, 500)]])).toEqual(['a', 'c']);
      expect(await ids([[range('d=')], many])).toEqual(['a', 'c']);
      expect(await ids([many, many.slice(0, 20)])).toEqual(['a']);
      expect(await ids([many.slice(8, 900)])).toEqual([]);
    });

    it('refuses a query for ids that its array index cannot answer', async () => {
      const reader = fresh.views.reader(items);
      const refused: [object, RegExp][] = [
        [{ index: 'by_group' }, /no array index "by_group"/],
        [{ equals: [] }, /needs 1 values before its array, 0 were given/],
        [{ all: [] }, /a range is missing/],
        [{ all: [['x'], []] }, /a range is missing/],
        [{ all: [[1]] }, /a text, or a range of texts/],
        [{ all: [[{ gte: 'a', lt: { $ne: 1 } }]] }, /a text, or a range of texts/],
        [{ limit: 0 }, /limit is a whole number/],
      ];
      for (const [query, sentence] of refused)
        await expect(
          reader.ids({ index: 'by_tag', equals: ['g'], all: [['x']], limit: 5, ...query } as never),
        ).rejects.toThrow(sentence);
    });

    it('ends a page at a bound of bytes, and scans on behind it', async () => {
      const bytes = [30, 30, 50, 0, 10, 200, 10];
      await put(...bytes.map((size, n) => item(`d${n}`, n, { n, group: 'g', line: Buffer.alloc(size, 'x') })));
      const reader = fresh.views.reader(items);
      const lines = { index: 'by_group', equals: ['g'], bodies: ['item.line'] };
      const ids = async (query: object): Promise<string[]> =>
        (await reader.find({ ...lines, limit: 10, ...query })).map((d) => d._id);
      expect(await ids({ maxBytes: 60 })).toEqual(['d0', 'd1']);
      expect(await ids({ maxBytes: 61 })).toEqual(['d0', 'd1', 'd2']);
      expect(await ids({ maxBytes: 1 })).toEqual(['d0']);
      expect(await ids({ maxBytes: 1, order: 'desc' })).toEqual(['d6']);
      expect(await ids({ maxBytes: 1, after: { values: [2], id: 'd2' } })).toEqual(['d3', 'd4']);
      expect(await ids({ maxBytes: 1000, limit: 3 })).toEqual(['d0', 'd1', 'd2']);
      // Bodies that are not loaded do not count.
      expect(await ids({ maxBytes: 1, bodies: [] })).toHaveLength(7);
      for (const maxBytes of [1, 60, 120, 329, 330, 331])
        for (const pageSize of [2, 7, 100]) {
          const scanned = await collect(reader.scan({ ...lines, maxBytes, pageSize }));
          expect(scanned.map((d) => (d['item'] as { line: Uint8Array }).line.byteLength)).toEqual(bytes);
        }
      expect(() => reader.scan({ ...lines, maxBytes: 0 })).toThrow('maxBytes is above zero');
    });

    it('scans without losing or repeating unchanged documents, while others write', async () => {
      const all = Array.from({ length: 40 }, (_, i) => `d${String(i).padStart(2, '0')}`);
      await put(...all.map((id, i) => item(id, i, { n: i, group: 'g' })));
      const seen: string[] = [];
      let offset = 100;
      for await (const document of fresh.views.reader(items).scan({ index: 'by_group', equals: ['g'], pageSize: 7 })) {
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
      const { store } = fresh.views;
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
        1,
        Array.from({ length: 40 }, (_, i) => of(i % 4 === 0 ? 'right' : 'left', i)),
      );
      const seen = (await collect(fresh.views.reader(totals).scan({ index: 'by_sum', pageSize: 7 }))).map(
        (d) => [(d['left'] as { sum: number }).sum, d._id] as const,
      );
      const expected = Array.from({ length: 40 }, (_, i) => of('left', i))
        .filter(({ offset }) => offset % 4 !== 0)
        .map((o) => [o.value.sum, o.id] as const);
      expect(seen).toEqual(expected.sort(([a, x], [b, y]) => a - b || (x < y ? -1 : 1)));
    });

    it('refuses a query without a declared index, with a reason', async () => {
      const reader = fresh.views.reader(items);
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

    it('refuses an invalid projection', () => {
      expect(() => fresh.views.reader({ ...totals, plain: { part: 'nobody', text: 'x' } })).toThrow(/plain part/);
      expect(() => fresh.views.reader({ ...items, indexes: [{ name: 'x', fields: ['nobody.n'] }] })).toThrow(
        /not part.field/,
      );
      expect(() => fresh.views.reader({ ...items, bodies: ['item'] })).toThrow(/not part.field/);
      expect(() =>
        fresh.views.reader({ ...totals, indexes: [{ name: 'x', fields: ['left.a', 'right.b'], array: true }] }),
      ).toThrow(/several parts/);
      const shared = { name: 'x', fields: ['item.group', 'item.others'], array: true, shared: true };
      expect(() => fresh.views.reader({ ...items, indexes: [...items.indexes, shared] })).toThrow(
        /not the only array index/,
      );
      const added = (fields: string[]) => ({ name: 'x', fields, added: true }) as const;
      for (const index of [
        added(['item.n', 'item.other']),
        added(['item.tags']),
        { ...added(['item.n']), array: true },
      ])
        expect(() => fresh.views.reader({ ...items, indexes: [...items.indexes, index] })).toThrow(/added index "x"/);
      // A build of an earlier release numbers its columns in the order of the indexes.
      expect(() => fresh.views.reader({ ...items, indexes: items.indexes.toReversed() })).toThrow(/added index "by_n"/);
    });
  });
}
