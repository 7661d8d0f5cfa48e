import { describe, expect, it } from 'vitest';
import type { CountQuery, ElementRange } from '../projection.ts';
import { type Item, items, sharedItems, type ViewsHarness } from './fixture.ts';
import { item, openedStore } from './opened.ts';

/** A sequence of numbers below `n` that looks random and is the same each time. */
function numbers(seed: number): (n: number) => number {
  let state = seed;
  return (n) => {
    state = (state * 1_103_515_245 + 12_345) % 2 ** 31;
    return Math.floor((state / 2 ** 31) * n);
  };
}
/** Ids as records have them, and others, some of which begin with the folder of others. */
const idOf = (n: number): string =>
  [`d${n}`, `m/T/d${n}`, `m/T/d/${n}`, `m/T${n % 5}/d${n}`, `m/${n}`, `m${n % 3}/T/`, `m/T/d${n}/x/y`, `ä${n % 7}/T/d`][
    n % 8
  ]!;
/** Some that many documents have, some that few have, and signs that sort by UTF-8 bytes in another order. */
const TEXTS = [
  ...Array.from({ length: 12 }, (_, n) => `code=${n}|http://example.org`),
  ...Array.from({ length: 300 }, (_, n) => `date=${1000 + n}`),
  ...['', '!', 'a\u0001', 'ä', '\u{1F600}', '\uFFFD', 'code', 'code=', '5', '-1', '[1]', "it's", 'A', 'a'],
];
const RANGES: readonly ElementRange[] = [
  ...TEXTS.slice(0, 14),
  ...TEXTS.slice(-14),
  'date=1200',
  'nothing',
  ...[
    ['code=', 'code>'],
    ['code=1', 'code=2'],
    ['code=11|', 'code=11}'],
    ['date=1100', 'date=1130'],
    ['date=1100', 'date=1101'],
    ['', '\u{10FFFF}'],
    ['ä', '\uFFFD'],
    ['x', 'y'],
    ['b', 'a'],
  ].map(([gte, lt]) => ({ gte: gte!, lt: lt! })),
];
const within = (text: string, range: ElementRange): boolean =>
  typeof range === 'string'
    ? text === range
    : Buffer.compare(Buffer.from(text), Buffer.from(range.gte)) >= 0 &&
      Buffer.compare(Buffer.from(text), Buffer.from(range.lt)) < 0;

/** The contract of an array index that shares texts. It answers as one that does not, and `evolve` has the array. */
export function sharedContract(name: string, open: () => Promise<ViewsHarness>, writes: number): void {
  describe(`${name}: an array index that shares texts`, () => {
    const { fresh } = openedStore(open);

    it('answers as the rule says, while documents are written, changed, deleted and removed', async () => {
      let { store } = fresh.views;
      await store.ensure(sharedItems);
      let reader = fresh.views.reader(sharedItems);
      const below = numbers(7);
      const pick = <T>(all: readonly T[]): T => all[below(all.length)]!;
      const stored = new Map<string, { readonly group: string; readonly tags: readonly string[] }>();
      const byBytes = (a: string, b: string): number => Buffer.compare(Buffer.from(a), Buffer.from(b));

      const ask = async (): Promise<void> => {
        const groups = pick([['g'], ['h'], ['x'], ['g', 'h', 'x'], []]);
        const equals = [groups.length === 1 ? groups[0]! : groups] as CountQuery['equals'];
        const all = Array.from({ length: 1 + below(3) }, () =>
          Array.from({ length: pick([1, 1, 2, 3, 12]) }, () => pick(RANGES)),
        );
        const none = pick([[], [], [TEXTS[0]!], ['date=1150', TEXTS[1]!]]);
        const except = pick([[], [1, 2, 3, 4, 5, 6].map(idOf).concat('nobody', 'no/bo/dy')]);
        const fits = [...stored].filter(
          ([, { group, tags }]) =>
            groups.includes(group) && all.every((any) => tags.some((tag) => any.some((range) => within(tag, range)))),
        );
        const ids = fits.map(([id]) => id).toSorted(byBytes);
        const query = { index: 'by_tag', equals, all, limit: 1000 };
        expect([query, await reader.ids(query)]).toEqual([query, ids]);
        expect((await reader.versions(query)).map(({ id }) => id)).toEqual(ids);
        const after = pick(['', idOf(3), idOf(4), idOf(5), 'm/T', 'm/T/', 'm/T/d/z']);
        const rest = ids.filter((id) => byBytes(id, after) > 0);
        expect(await reader.ids({ ...query, after, limit: 3 })).toEqual(rest.slice(0, 3));
        const left = fits.filter(([id, { tags }]) => !except.includes(id) && !tags.some((tag) => none.includes(tag)));
        const counted = Map.groupBy(left, ([, { group }]) => group);
        const expected = new Map([...counted].map(([group, { length }]) => [group, length]));
        expect([query, none, except, await reader.count({ ...query, none, except })]).toEqual([
          query,
          none,
          except,
          expected,
        ]);
        const tag = pick(TEXTS);
        const found = await reader.find({ index: 'by_tag', equals: ['g', tag], limit: 1000, order: 'desc' });
        const having = [...stored].filter(([, { group, tags }]) => group === 'g' && tags.includes(tag));
        expect(found.map(({ _id }) => _id)).toEqual(
          having
            .map(([id]) => id)
            .toSorted(byBytes)
            .toReversed(),
        );
      };

      for (let offset = 0; offset < writes;) {
        const ids = new Set(Array.from({ length: 1 + below(20) }, () => idOf(below(120))));
        const ops = [...ids].map((id) => {
          const tags = [
            ...new Set(Array.from({ length: below(6) }, () => (below(2) ? pick(TEXTS) : TEXTS[below(3)]!))),
          ];
          const value = below(8) === 0 ? null : { n: offset, group: pick(['g', 'g', 'h']), tags };
          if (value === null) stored.delete(id);
          else stored.set(id, value);
          return item(id, offset++, value);
        });
        await store.apply(sharedItems, 1, ops);
        if (below(4) === 0) {
          const gone = [idOf(below(120)), idOf(below(120))];
          await store.remove(sharedItems, gone);
          for (const id of gone) stored.delete(id);
        }
        if (fresh.harness.reopen !== undefined && below(10) === 0) {
          fresh.views = await fresh.harness.reopen();
          store = fresh.views.store;
          reader = fresh.views.reader(sharedItems);
        }
        for (let n = 0; n < 6; n++) await ask();
        const parts = await store.parts(sharedItems, 1, 'item', [...stored.keys()]);
        for (const [id, { group, tags }] of stored) expect(parts.get(id)?.value).toMatchObject({ group, tags });
        const asked = [...stored.keys(), 'nobody', 'no/bo/dy'].toReversed();
        const documents = await reader.getMany(asked);
        expect(documents.map((document) => document?._id)).toEqual(
          asked.map((id) => (stored.has(id) ? id : undefined)),
        );
      }
      await store.remove(sharedItems, [...stored.keys()]);
      stored.clear();
      await ask();
    });

    it('pages through all documents in the order of the bytes of their ids, whatever folders they are in', async () => {
      const { store } = fresh.views;
      await store.ensure(sharedItems);
      const ids = [
        ...Array.from({ length: 700 }, (_, n) => `m/T/${n}`),
        ...new Set(Array.from({ length: 700 }, (_, n) => idOf(n))),
        ...[
          '/',
          '//',
          '//a',
          'm',
          'm/',
          'm/T',
          'm/T/',
          'm/T/0/',
          'm/T\u0001/1',
          'm/TT/1',
          'm /T/1',
          '\u{1F600}/\uFFFD/x',
        ],
      ];
      const ops = ids.map((id, n) => item(id, n, { n, group: 'g', tags: ['a'] }));
      await store.apply(sharedItems, 1, ops);
      const sorted = ids.map((id) => Buffer.from(id)).toSorted(Buffer.compare);
      const paged: string[] = [];
      for (let after = ''; ;) {
        const page = await store.page(sharedItems, 1, after);
        if (page.length === 0) break;
        paged.push(...page.map(({ id }) => id));
        after = paged.at(-1)!;
      }
      expect(paged).toEqual(sorted.map(String));
      for (const after of ['m/T', 'm/T/', 'm/T/55', 'm/T/zz', 'm/U/', 'n', '\u{10FFFF}']) {
        const [next] = await store.page(sharedItems, 1, after);
        expect([after, next?.id]).toEqual([
          after,
          sorted.find((id) => Buffer.compare(id, Buffer.from(after)) > 0)?.toString(),
        ]);
      }
    });

    it('leaves the array in the documents of a reader if the index shares no texts', async () => {
      const unshared = { ...items, name: 'unshared-items' };
      await fresh.views.store.ensure(unshared);
      await fresh.views.store.apply(unshared, 1, [item('a', 1, { n: 1, group: 'g', tags: ['x', 'y'] })]);
      const reader = fresh.views.reader(unshared);
      expect((await reader.get('a'))!['item']).toEqual({ n: 1, group: 'g', tags: ['x', 'y'] });
      const [found] = await reader.find({ index: 'by_tag', equals: ['g', 'x'], limit: 1, fields: 'text' });
      expect(JSON.parse((found!['item'] as { json: string }).json)).toEqual({ n: 1, group: 'g', tags: ['x', 'y'] });
    });

    it('gives evolve and a comparison of builds the array, and looks at texts alone', async () => {
      const { store } = fresh.views;
      await store.ensure(sharedItems);
      const values: readonly Partial<Record<keyof Item, unknown>>[] = [
        { n: 1, group: 'g', tags: ['a', 'b'] },
        { n: 2, group: 'g', tags: ['a', 'b', 'a'] },
        { n: 3, group: 'g', tags: [] },
        { n: 4, group: 'g', tags: ['half \ud83d'] },
        { n: 5, tags: ['a'] },
        { n: 6, group: 'g', tags: 'a' },
        { n: 7, group: 'g' },
      ];
      await store.apply(
        sharedItems,
        1,
        values.map((value, n) => item(`d${n}`, n, value)),
      );
      const ids = values.map((_, n) => `d${n}`);
      const parts = await store.parts(sharedItems, 1, 'item', ids);
      expect(ids.map((id) => parts.get(id)!.value)).toEqual(values);
      expect(
        await fresh.views.reader(sharedItems).ids({ index: 'by_tag', equals: ['g'], all: [['a']], limit: 9 }),
      ).toEqual(['d0', 'd1']);
      const pages = await store.page(sharedItems, 1, '');
      expect(pages.map(({ parts: [part] }) => JSON.parse(part!.json!) as unknown)).toEqual(values);
      await store.apply(sharedItems, 1, [item('d0', 90, { n: 1, group: 'h', tags: ['b'] }), item('d1', 91, null)]);
      expect((await store.parts(sharedItems, 1, 'item', ['d0'])).get('d0')!.value).toMatchObject({ tags: ['b'] });
      expect((await store.page(sharedItems, 1, 'd0'))[0]!.parts[0]!.json).toBeUndefined();
    });
  });
}
