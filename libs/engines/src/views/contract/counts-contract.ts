import { describe, expect, it } from 'vitest';
import { lastRecordsOf } from '../decoded.ts';
import type { CountQuery, ElementRange } from '../projection.ts';
import { type Item, items, totals, type ViewsHarness } from './fixture.ts';
import { item, openedStore } from './opened.ts';

const within = (tag: string, range: ElementRange): boolean =>
  typeof range === 'string'
    ? tag === range
    : Buffer.compare(Buffer.from(tag), Buffer.from(range.gte)) >= 0 &&
      Buffer.compare(Buffer.from(tag), Buffer.from(range.lt)) < 0;

type Stored = readonly { readonly id: string; readonly group: string; readonly tags: readonly string[] }[];

/** The rule of `ViewReader.count`, over the documents themselves. */
function counted(stored: Stored, { equals, all, none = [], except = [] }: Omit<CountQuery, 'index' | 'limit'>) {
  const groups = [equals[0]].flat() as readonly unknown[];
  const fits = stored.filter(
    ({ id, group, tags }) =>
      groups.includes(group) &&
      !except.includes(id) &&
      !tags.some((tag) => none.includes(tag)) &&
      all.every((any) => tags.some((tag) => any.some((range) => within(tag, range)))),
  );
  return Object.fromEntries(
    [...Map.groupBy(fits, ({ group }) => group)].map(([group, { length }]) => [group, length]).toSorted(),
  );
}

export function countsContract(name: string, open: () => Promise<ViewsHarness>): void {
  describe(`${name}: counts, versions and bounded answers`, () => {
    const { fresh, put } = openedStore(open);

    it('counts the documents that have elements, each once, as the rule says', async () => {
      const stored: Stored = Array.from({ length: 60 }, (_, i) => ({
        id: `d${String(i).padStart(2, '0')}`,
        group: i % 3 === 0 ? 'h' : 'g',
        tags: [
          `c=${i % 4}`,
          ...(i % 5 === 0 ? [`c=${(i % 4) + 1}`] : []),
          `d=${2000 + i}`,
          ...(i % 7 ? [] : ['label']),
        ],
      }));
      await put(...stored.map(({ id, ...rest }, i) => item(id, i, { n: i, ...rest })));
      await put(item('d59', 100, null), item('d58', 101, { n: 1, group: 'g', tags: [] }));
      const left = stored.slice(0, 58);
      const reader = fresh.views.reader(items);
      const conditions: CountQuery['all'][] = [
        [['c=1']],
        [['c=9']],
        [['c=1', 'c=2']],
        [[{ gte: 'c=', lt: 'c>' }]],
        [[{ gte: 'd=2010', lt: 'd=2011' }]],
        [['c=0', { gte: 'c=1', lt: 'c=3' }]],
        [['c=1'], [{ gte: 'd=2020', lt: 'd=2040' }]],
        [[{ gte: 'd=2020', lt: 'd=2040' }], ['c=1', 'c=2'], ['label']],
        [Array.from({ length: 20 }, (_, i) => ({ gte: `d=${2000 + 2 * i}`, lt: `d=${2001 + 2 * i}` }))],
      ];
      for (const all of conditions)
        for (const equals of [['g'], ['h'], [['g', 'h', 'x']], [[]], ['x']] as CountQuery['equals'][])
          for (const more of [{}, { none: ['label'] }, { none: ['label', 'c=2'], except: ['d01', 'd10', 'x'] }]) {
            const query = { equals, all, ...more };
            const found = await reader.count({ index: 'by_tag', limit: 1000, ...query });
            expect([query, Object.fromEntries([...found].toSorted())]).toEqual([query, counted(left, query)]);
          }
    });

    it('ends a count at its limit', async () => {
      await put(...Array.from({ length: 9 }, (_, i) => item(`d${i}`, i, { n: i, group: 'g', tags: ['a', `b${i}`] })));
      const count = async (all: CountQuery['all']): Promise<number | undefined> =>
        (await fresh.views.reader(items).count({ index: 'by_tag', equals: ['g'], all, limit: 4 })).get('g');
      expect(await count([['a']])).toBe(4);
      expect(await count([[{ gte: 'b', lt: 'c' }]])).toBe(4);
      expect(await count([['a', { gte: 'b', lt: 'c' }]])).toBe(4);
      expect(await count([['b1']])).toBe(1);
    });

    it('refuses a count that its array index cannot answer', async () => {
      const query = { index: 'by_tag', equals: [], all: [['a']], limit: 1 } as never;
      await expect(fresh.views.reader(items).count(query)).rejects.toThrow(/needs a value/);
    });

    it('answers equal versions for documents that the same record wrote in two views, and no others', async () => {
      const { store } = fresh.views;
      const twin = { ...items, name: 'twins' };
      await store.ensure(twin);
      const at = (partition: number, offset: number) => item('a', offset, { n: 1, group: 'g', tags: ['x'] }, partition);
      const versions = async (): Promise<readonly (string | undefined)[]> => {
        const all: (string | undefined)[] = [];
        for (const projection of [items, twin]) {
          const reader = fresh.views.reader(projection);
          const [found] = await reader.versions({ index: 'by_tag', equals: ['g'], all: [['x']], limit: 5 });
          const [loaded] = await reader.getMany(['a'], { versions: true });
          const [, many] = await reader.getMany(['nobody', 'a'], { versions: true, bodies: ['item.line'] });
          expect([loaded?._version, many?._version]).toEqual([found?.version, found?.version]);
          all.push(found?.version);
        }
        return all;
      };
      const seen: (string | undefined)[] = [];
      for (const [partition, offset] of [
        [0, 3],
        [0, 4],
        [2, 4],
        [0, 11],
      ] as const) {
        await put(at(partition, offset));
        const [own, other] = await versions();
        expect(own).not.toBe(other);
        await store.apply(twin, 1, [at(partition, offset)]);
        const both = await versions();
        expect(both[0]).toBeDefined();
        expect(both[0]).toBe(both[1]);
        expect(seen).not.toContain(both[0]);
        seen.push(both[0]);
      }
    });

    it('ends an answer behind the document that exceeds a number of bytes, and goes on from there', async () => {
      const ids = Array.from({ length: 150 }, (_, i) => `d${String(i).padStart(3, '0')}`);
      const line = (i: number): Uint8Array => new Uint8Array(1000 + i).fill(97);
      await put(...ids.map((id, i) => item(id, i, { n: i, group: 'g', line: line(i) })));
      const reader = fresh.views.reader(items);
      const more = { bodies: ['item.line'], maxBytes: 90_000 };
      for (const fields of ['all', 'text'] as const) {
        const seen: string[] = [];
        for (let after: string | undefined; seen.length < ids.length; after = seen.at(-1)) {
          const n = seen.length - 1;
          const page = await reader.find({
            index: 'by_group',
            equals: ['g'],
            limit: 1000,
            fields,
            ...more,
            ...(after !== undefined && { after: { values: [n], id: after } }),
          });
          expect(page.length).toBeGreaterThan(0);
          const bytes = page.map((each) => (each['item'] as Item).line!.length);
          expect(bytes.slice(0, -1).reduce((a, b) => a + b, 0)).toBeLessThanOrEqual(90_000);
          seen.push(...page.map(({ _id }) => _id));
        }
        expect(seen).toEqual(ids);
      }
      const wanted = ['nobody', ...ids.toReversed(), 'd001'];
      const seen: (string | undefined)[] = [];
      while (seen.length < wanted.length) {
        const some = await reader.getMany(wanted.slice(seen.length), more);
        expect(some.length).toBeGreaterThan(0);
        // MongoDB answers some more, because it loads a number of documents at once.
        expect(some.length).toBeLessThan(130);
        seen.push(...some.map((each) => each?._id));
      }
      expect(seen).toEqual([undefined, ...ids.toReversed(), 'd001']);
      expect(await reader.getMany(ids, { maxBytes: 1 })).toHaveLength(ids.length);
      const [text] = await reader.getMany(['d002', 'd003'], { ...more, fields: 'text' });
      const { json, line: loaded } = text!['item'] as { json: string; line: Uint8Array };
      expect([json, loaded.byteLength]).toEqual(['{"n":2,"group":"g"}', 1002]);
    });

    it('keeps what a read has decoded until it changes, is removed, or another build is live', async () => {
      const { views } = fresh;
      const { store } = views;
      await store.ensure(totals);
      const reader = views.reader(totals);
      const put = (id: string, offset: number, n: number | null, build = 1): Promise<readonly string[]> =>
        store.apply(totals, build, [
          { id, part: 'left', partition: 0, offset, value: n === null ? null : { sum: n, seen: 1 } },
        ]);
      /** What it keeps is what a query gives, or nothing. */
      const same = async (id: string): Promise<boolean> => {
        const kept = reader.kept(id);
        const read = await reader.get(id);
        if (kept !== undefined) expect(kept).toEqual(read);
        return kept !== undefined;
      };
      // A store that other processes write keeps nothing, because only a query tells of their changes.
      const alone = reader.generation() !== undefined;
      expect(await same('a')).toBe(false);
      expect(await same('a')).toBe(false);
      await put('a', 1, 1);
      await put('b', 2, 1);
      for (let round = 0; round < 2; round++)
        expect([await same('a'), await same('b')]).toEqual([alone && round > 0, alone && round > 0]);
      await put('a', 3, 2);
      expect([await same('a'), await same('b'), await same('a')]).toEqual([false, alone, alone]);
      // A redelivery changes nothing.
      await put('a', 3, 9);
      await same('a');
      await put('a', 4, null);
      expect([await same('a'), await same('a')]).toEqual([false, false]);
      await store.remove(totals, ['b']);
      expect([await same('b'), await same('b')]).toEqual([false, false]);
      await put('c', 5, 1);
      await same('c');
      const build = await store.startBuild(totals);
      await put('c', 5, 7, build);
      expect(await same('c')).toBe(alone);
      await store.swap(totals, build);
      expect([await same('c'), await same('c')]).toEqual([false, alone]);
      expect(reader.kept('c')?.['left']).toEqual(alone ? { sum: 7, seen: 1 } : undefined);
      // A view without the cache keeps nothing.
      await store.apply(items, 1, [item('a', 1, { n: 1, group: 'g' })]);
      await views.reader(items).get('a');
      expect(views.reader(items).kept('a')).toBeUndefined();
    });

    it('P11: says which record was the last one of each part of a document that it keeps decoded', async () => {
      const { store } = fresh.views;
      await store.ensure(totals);
      const reader = fresh.views.reader(totals);
      const records = async (id: string) => {
        const [found] = await reader.getMany([id, 'nobody']);
        return found && lastRecordsOf(found);
      };
      const put = (part: string, partition: number, offset: number): Promise<readonly string[]> =>
        store.apply(totals, 1, [{ id: 'a', part, partition, offset, value: { sum: offset, seen: 1 } }]);
      expect(await records('a')).toBeUndefined();
      await put('left', 1, 7);
      expect(await records('a')).toMatchObject({ left: { 1: 7 } });
      const before = (await reader.get('a'))!;
      await put('right', 2, 0);
      await put('left', 1, 9);
      expect(await records('a')).toMatchObject({ left: { 1: 9 }, right: { 2: 0 } });
      expect(lastRecordsOf(before)).toMatchObject({ left: { 1: 7 } });
      await store.apply(items, 1, [item('b', 1, { n: 1, group: 'g' })]);
      expect(lastRecordsOf((await fresh.views.reader(items).get('b'))!)).toBeUndefined();
    });

    it('grows with each change of a view that it writes alone, and with none of another view', async () => {
      const { views } = fresh;
      await views.store.ensure(totals);
      const reader = views.reader(items);
      const before = reader.generation();
      await put(item('a', 1, { n: 1, group: 'g' }));
      if (before === undefined) {
        // Other processes write the store, and only a query tells of their changes.
        expect([reader.generation(), fresh.harness.another === undefined]).toEqual([undefined, false]);
        return;
      }
      const after = reader.generation()!;
      expect(after).toBeGreaterThan(before);
      const checkpoint = { topic: 't.items', partition: 0, from: 0, next: 1, progress: [] };
      expect(await views.store.apply(items, 1, [], checkpoint)).toEqual([]);
      expect(reader.generation()).toBe(after);
      await views.store.apply(totals, 1, [
        { id: 'a', part: 'left', partition: 0, offset: 1, value: { sum: 1, seen: 1 } },
      ]);
      expect(reader.generation()).toBe(after);
      await views.store.remove(items, ['a']);
      const removed = reader.generation()!;
      expect(removed).toBeGreaterThan(after);
      const build = await views.store.startBuild(items);
      await views.store.swap(items, build);
      expect(reader.generation()!).toBeGreaterThan(removed);
    });
  });
}
