import { describe, expect, it } from 'vitest';
import type { Extracts } from '../extracts.ts';
import type { ViewOp } from '../store.ts';
import { items, totals, type ViewsHarness } from './fixture.ts';
import { item, openedStore } from './opened.ts';

const OPTIONS = { name: 'test', form: '1', of: [items, totals], maxBytes: 1000 };
const BODY = Uint8Array.from([1, 2, 3]);

export function extractsContract(name: string, open: () => Promise<ViewsHarness>): void {
  describe(`${name}: extracts`, () => {
    const { fresh, put } = openedStore(open);
    let offset = 100;
    const left = (id: string, value: object | null): Promise<readonly string[]> =>
      fresh.views.store.apply(totals, 1, [{ id, part: 'left', partition: 0, offset: (offset += 1), value }]);
    const write = (id: string, value: object | null): Promise<readonly string[]> =>
      put({ ...item(id, (offset += 1), {}), value } as ViewOp);

    async function opened(): Promise<Extracts | undefined> {
      await fresh.views.store.ensure(totals);
      const extracts = fresh.views.extracts(OPTIONS);
      // An engine without a transaction over documents and extracts has none.
      expect(extracts !== undefined).toBe(fresh.harness.hasExtracts === true);
      return extracts;
    }
    /** Fills the extracts of subjects, as a reader does. */
    async function fill(extracts: Extracts, ...subjects: readonly string[]): Promise<void> {
      await extracts.reserve(subjects);
      for (const subject of subjects) {
        const { id } = (await extracts.get(subject))!;
        expect(await extracts.put([{ id, head: { subject }, body: BODY }])).toBe(1);
      }
    }
    const kept = async (extracts: Extracts, ...subjects: readonly string[]): Promise<readonly boolean[]> =>
      Promise.all(subjects.map(async (subject) => (await extracts.get(subject))?.body !== undefined));

    it('keep what was computed of reserved subjects, apart by name and form', async () => {
      const extracts = await opened();
      if (extracts === undefined) return;
      expect(await extracts.get('g')).toBeUndefined();
      await extracts.reserve(['g', 'h', 'g']);
      const { id, ...rest } = (await extracts.get('g'))!;
      expect(rest).toEqual({});
      expect(await extracts.put([{ id, head: { types: ['a'] }, body: BODY }])).toBe(1);
      expect(await extracts.get('g')).toEqual({ id, head: { types: ['a'] }, body: BODY });
      // The first one stays, and a reservation does not empty it.
      expect(await extracts.put([{ id, head: {}, body: Uint8Array.of(9) }])).toBe(0);
      await extracts.reserve(['g', 'i']);
      expect(await kept(extracts, 'g', 'h', 'i')).toEqual([true, false, false]);
      const other = fresh.views.extracts({ ...OPTIONS, name: 'other' })!;
      expect(await other.get('g')).toBeUndefined();
      const newer = fresh.views.extracts({ ...OPTIONS, form: '2' })!;
      expect(await newer.get('g')).toBeUndefined();
      await newer.reserve(['g']);
      expect(await newer.get('g')).toEqual({ id: expect.any(Number) as number });
      expect(await extracts.get('g')).toBeUndefined();
    });

    it('go with each write and each removal of a document of their subject', async () => {
      const extracts = await opened();
      if (extracts === undefined) return;
      await write('a', { n: 1, group: 'g' });
      await write('b', { n: 1, group: 'h' });
      const all = ['g', 'h', 'i'] as const;
      for (const [change, left] of [
        [() => write('new', { n: 2, group: 'g' }), [false, true, true]],
        [() => write('a', { n: 3, group: 'g' }), [false, true, true]],
        // From one subject to another.
        [() => write('a', { n: 3, group: 'i' }), [false, true, false]],
        [() => write('b', null), [true, false, true]],
        [() => fresh.views.store.remove(items, ['new']), [false, true, true]],
        [() => write('none', { n: 4, group: 'elsewhere' }), [true, true, true]],
      ] as const) {
        await fill(extracts, ...all.filter((subject) => subject !== undefined));
        await change();
        expect(await kept(extracts, ...all)).toEqual(left);
        // An empty place for the next round.
        for (const subject of all) await write(`again-${subject}`, { n: 0, group: subject });
      }
    });

    it('go with a document of another view about the subject', async () => {
      const extracts = await opened();
      if (extracts === undefined) return;
      await fill(extracts, 'g', 'h');
      await left('g', { sum: 1, seen: 1 });
      expect(await kept(extracts, 'g', 'h')).toEqual([false, true]);
      await fill(extracts, 'g');
      await left('g', null);
      expect(await kept(extracts, 'g', 'h')).toEqual([false, true]);
    });

    it('keep nothing that was read before a document changed', async () => {
      const extracts = await opened();
      if (extracts === undefined) return;
      await extracts.reserve(['g']);
      const { id } = (await extracts.get('g'))!;
      await write('a', { n: 1, group: 'g' });
      // Another reader reserves the subject meanwhile.
      await extracts.reserve(['g']);
      expect(await extracts.put([{ id, head: {}, body: BODY }])).toBe(0);
      const again = (await extracts.get('g'))!;
      expect(again).toEqual({ id: expect.any(Number) as number });
      expect(again.id).not.toBe(id);
      // A write of the same turn, before or behind.
      await Promise.all([write('a', { n: 2, group: 'g' }), extracts.put([{ id: again.id, head: {}, body: BODY }])]);
      expect(await extracts.get('g')).toBeUndefined();
      await extracts.reserve(['g']);
      const last = (await extracts.get('g'))!;
      await Promise.all([extracts.put([{ ...last, head: {}, body: BODY }]), write('a', { n: 3, group: 'g' })]);
      expect(await extracts.get('g')).toBeUndefined();
    });

    it('keep no more bytes than they may, and the rest', async () => {
      const extracts = await opened();
      if (extracts === undefined) return;
      await extracts.reserve(['g', 'h', 'i']);
      const ids = await Promise.all(['g', 'h', 'i'].map(async (subject) => (await extracts.get(subject))!.id));
      const filled = [600, 600, 400].map((size, i) => ({ id: ids[i]!, head: {}, body: new Uint8Array(size) }));
      expect(await extracts.put(filled)).toBe(2);
      expect(await kept(extracts, 'g', 'h', 'i')).toEqual([true, false, true]);
      // What a write removed makes room.
      await write('a', { n: 1, group: 'g' });
      expect(await extracts.put([filled[1]!])).toBe(1);
    });

    it('are not those of another build', async () => {
      const extracts = await opened();
      if (extracts === undefined) return;
      const { store } = fresh.views;
      await fill(extracts, 'g', 'h');
      const build = await store.startBuild(items);
      expect(await kept(extracts, 'g', 'h')).toEqual([true, true]);
      await store.seal(items, []);
      await store.swap(items, build);
      expect(await kept(extracts, 'g', 'h')).toEqual([false, false]);
      await fill(extracts, 'g', 'h');
      await store.dropBuild(items, 1);
      expect(await kept(extracts, 'g', 'h')).toEqual([true, true]);
      const op = { ...item('a', (offset += 1), { n: 1, group: 'g' }) };
      await store.apply(items, build, [op]);
      expect(await kept(extracts, 'g', 'h')).toEqual([false, true]);
    });
  });
}
