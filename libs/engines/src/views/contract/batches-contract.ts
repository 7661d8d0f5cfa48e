import { describe, expect, it } from 'vitest';
import type { PartPosition, ViewOp } from '../store.ts';
import { items, totals, type ViewsHarness } from './fixture.ts';
import { openedStore } from './opened.ts';

/** The contract of batches: an engine may write several documents with one statement. */
export function batchesContract(name: string, open: () => Promise<ViewsHarness>): void {
  describe(`${name}: batches`, () => {
    const { fresh } = openedStore(open);

    it('writes many documents at once, of which some are there: new ones whole, and no other is changed', async () => {
      const { views } = fresh;
      const { store } = views;
      const op = (n: number, offset: number, base?: PartPosition): ViewOp => ({
        id: `d${String(n).padStart(3, '0')}`,
        part: 'item',
        partition: 0,
        offset,
        value: { n, group: 'g', tags: [`by ${offset}`, `tag ${n % 3}`], line: `line ${n} of ${offset}` },
        ...(base !== undefined && { base }),
      });
      await store.apply(
        items,
        1,
        [3, 17, 40].map((n) => op(n, 10 + n)),
      );
      const numbers = Array.from({ length: 45 }, (_, n) => n);
      // Computed from documents that were not there. A known offset is no change.
      const refused = await store.apply(
        items,
        1,
        numbers.map((n) => op(n, n === 17 ? 27 : 1000 + n, {})),
      );
      expect(refused.toSorted()).toEqual(['d003', 'd040']);
      const ids = numbers.map((n) => op(n, 0).id);
      const found = await views.reader(items).getMany(ids, { bodies: ['item.line'] });
      const offsetOf = (n: number): number => ([3, 17, 40].includes(n) ? 10 + n : 1000 + n);
      expect(
        found.map((document) => Buffer.from((document?.['item'] as { line: Uint8Array }).line).toString()),
      ).toEqual(numbers.map((n) => `line ${n} of ${offsetOf(n)}`));
      const tagged = (tag: string) =>
        views.reader(items).ids({ index: 'by_tag', equals: ['g'], all: [[tag]], limit: 99 });
      expect(await tagged('tag 0')).toEqual(ids.filter((_, n) => n % 3 === 0));
      for (const n of numbers) expect(await tagged(`by ${offsetOf(n)}`)).toEqual([ids[n]]);
      expect(await tagged('by 1003')).toEqual([]);
    });

    it('writes what a record seems to begin as any other operation, whatever is stored', async () => {
      const { store } = fresh.views;
      await store.ensure(totals);
      const op = (id: string, offset: number, base?: PartPosition, part = 'right'): ViewOp => ({
        ...{ id, part, partition: 0, offset, value: { sum: offset, seen: 1 }, begins: true },
        ...(base !== undefined && { base }),
      });
      const sums = async (id: string): Promise<unknown> => {
        const document = await fresh.views.reader(totals).get(id);
        return ['left', 'right'].map((part) => (document?.[part] as { sum: number } | undefined)?.sum);
      };
      // A new document, another part, this part from an older record, from this record, and from a newer one.
      for (const base of [undefined, {}]) {
        const ids = ['new', 'other', 'older', 'same', 'newer'].map((id) => `${id}-${base === undefined}`);
        await store.apply(totals, 1, [
          op(ids[1]!, 1, base, 'left'),
          ...[3, 5, 9].map((offset, i) => op(ids[i + 2]!, offset, base)),
        ]);
        const ops = ids.map((id) => op(id, 5, base));
        expect(await store.apply(totals, 1, ops)).toEqual(base === undefined ? [] : [ids[2]]);
        expect(await Promise.all(ids.map(sums))).toEqual([
          [undefined, 5],
          [1, 5],
          [undefined, base === undefined ? 5 : 3],
          [undefined, 5],
          [undefined, 9],
        ]);
      }
    });
  });
}
