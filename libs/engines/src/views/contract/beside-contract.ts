import { afterEach, describe, expect, it } from 'vitest';
import { eventually } from '@provider-access/testing';
import type { Views } from '../port.ts';
import type { ReadWhile, ViewDocument } from '../projection.ts';
import { items, PLAIN_GROUP, totals, type ViewsHarness } from './fixture.ts';
import { item, openedStore } from './opened.ts';

const LINE = { bodies: ['item.line'] } as const;
const lineOf = (document: ViewDocument | undefined): unknown => {
  const line = (document?.['item'] as { line?: Uint8Array } | undefined)?.line;
  return line && Buffer.from(line).toString();
};

/** An engine may take a document that its cache has let go for changed. Then it gives an equal one. */
function expectLine(read: ReadWhile, document: ViewDocument | undefined, line: string | undefined): void {
  if ('changed' in read) expect(read.changed).toEqual(document);
  else expect(lineOf(read.documents[0])).toBe(line);
}

export function besideContract(name: string, open: () => Promise<ViewsHarness>): void {
  describe(`${name}: a read that depends on a document of another view`, () => {
    const { fresh, put } = openedStore(open);
    const others: Views[] = [];
    afterEach(async () => {
      for (const views of others.splice(0)) await views.close();
    });

    /** The views of another process, where there can be one. */
    const elsewhere = async (): Promise<Views> => {
      const views = await fresh.harness.another?.();
      if (views !== undefined) others.push(views);
      return views ?? fresh.views;
    };
    const total = (views: Views, id: string, offset: number, sum: number | null, build = 1) =>
      views.store.apply(totals, build, [
        { id, part: 'left', partition: 0, offset, value: sum === null ? null : { sum, seen: 1 } },
      ]);
    const isAlone = (): boolean => fresh.views.reader(totals).generation() !== undefined;
    /** Two items, one of them plain, and the total on which reads depend. */
    const opened = async () => {
      await fresh.views.store.ensure(totals);
      await put(
        item('a', 1, { n: 1, group: 'g', line: 'line of a' }),
        item('p', 2, { n: 2, group: PLAIN_GROUP, line: 'line of p' }),
      );
      await total(fresh.views, 't', 1, 1);
      const document = (await fresh.views.reader(totals).get('t'))!;
      return { reader: fresh.views.reader(items), known: { projection: totals, id: 't', document } };
    };

    it('gives what a read by ids gives while the other document has not changed', async () => {
      const { reader, known } = await opened();
      const ids = ['p', 'absent', 'a', 'p'];
      for (const document of [known.document, undefined])
        for (const load of [{}, LINE, { ...LINE, fields: 'text' as const }, { plain: 'left out' as const }])
          expect(await reader.getWhile({ ...known, document }, ids, load)).toEqual({
            documents: await reader.getMany(ids, load),
          });
      const plain = { ...LINE, plain: 'bodies alone' } as const;
      const read = await reader.getWhile(known, ['a', 'p'], plain);
      expect('documents' in read && read.documents.map(lineOf)).toEqual([undefined, 'line of p']);
    });

    it('says what the other document is after a write of any process, and loads nothing', async () => {
      const { reader, known } = await opened();
      const there = await elsewhere();
      await total(there, 't', 2, 2);
      const read = await reader.getWhile(known, ['a', 'p'], LINE);
      expect(read).toEqual({ changed: { _id: 't', left: { sum: 2, seen: 1 } } });
      const now = { ...known, document: 'changed' in read ? read.changed : undefined };
      const again = await reader.getWhile(now, ['a', 'p'], LINE);
      expect('documents' in again && again.documents.map(lineOf)).toEqual(['line of a', 'line of p']);
      await total(there, 't', 3, null);
      expect(await reader.getWhile(now, ['a'], LINE)).toEqual({ changed: undefined });
    });

    it('sees a write of another part, and none of another document', async () => {
      const { reader, known } = await opened();
      await total(await elsewhere(), 'u', 9, 9);
      expect(await reader.getWhile(known, ['a'])).toHaveProperty('documents');
      await fresh.views.store.apply(totals, 1, [
        { id: 't', part: 'right', partition: 2, offset: 0, value: { sum: 5, seen: 1 } },
      ]);
      expect(await reader.getWhile(known, ['a'])).toEqual({
        changed: { _id: 't', left: { sum: 1, seen: 1 }, right: { sum: 5, seen: 1 } },
      });
    });

    it('does not take a document of another build for the same one', async () => {
      const { reader, known } = await opened();
      const build = await fresh.views.store.startBuild(totals);
      await total(fresh.views, 't', 1, 7, build);
      expect(await reader.getWhile(known, ['a'])).toHaveProperty('documents');
      await fresh.views.store.swap(totals, build);
      expect(await reader.getWhile(known, ['a'])).toEqual({ changed: { _id: 't', left: { sum: 7, seen: 1 } } });
    });

    it('compares a document that its cache has let go', async () => {
      const { reader, known } = await opened();
      for (const [i, id] of ['u', 'v', 'w'].entries()) {
        await total(fresh.views, id, 10 + i, 1);
        await fresh.views.reader(totals).get(id);
      }
      const read = await reader.getWhile(known, ['a']);
      expectLine(read, known.document, undefined);
      await total(fresh.views, 't', 2, 2);
      expect(await reader.getWhile(known, ['a'])).toEqual({ changed: { _id: 't', left: { sum: 2, seen: 1 } } });
    });

    it('compares nothing without a document to compare, and finds no document that is missing', async () => {
      const { reader, known } = await opened();
      await total(await elsewhere(), 't', 2, 2);
      expect(await reader.getWhile(known, ['absent'], LINE)).toEqual({ documents: [undefined] });
      const read = await reader.getWhile({ ...known, document: undefined }, ['a'], LINE);
      expect('documents' in read && read.documents.map(lineOf)).toEqual(['line of a']);
    });

    it('answers each of many reads at a time for itself', async () => {
      const { reader, known } = await opened();
      const ids = Array.from({ length: 40 }, (_, i) => `d${i}`);
      await put(...ids.map((id, i) => item(id, 10 + i, { n: i, group: PLAIN_GROUP, line: `line of ${id}` })));
      const others = fresh.views.reader(totals);
      for (const [i, id] of ids.entries()) await total(fresh.views, id, 100 + i, i);
      const documents = await Promise.all(ids.map((id) => others.get(id)));
      expect(documents.map((document) => document?._id)).toEqual(ids);
      const there = await elsewhere();
      const changes = ids.filter((_, i) => i % 3 === 0);
      for (const [i, id] of changes.entries()) await total(there, id, 200 + i, 1000);
      const load = { ...LINE, plain: 'bodies alone' } as const;
      const reads = ids.map((id, i) => {
        const document = documents[i];
        return reader.getWhile({ projection: totals, id, document }, i % 2 === 0 ? [id] : [id, 'a'], load);
      });
      const found = await Promise.all([
        ...reads,
        // The same record with other facts.
        reader.getWhile(known, ['d0'], load),
        reader.getWhile({ ...known, document: undefined }, ['d0', 'absent'], load),
        ...ids.map((id) => others.get(`${id}x`)),
      ]);
      for (const [i, id] of ids.entries()) {
        const read = found[i] as ReadWhile;
        if (changes.includes(id)) expect(read).toEqual({ changed: { _id: id, left: { sum: 1000, seen: 1 } } });
        else expectLine(read, documents[i], `line of ${id}`);
      }
      const [same, none, ...absent] = found.slice(ids.length) as [ReadWhile, ReadWhile];
      for (const read of [same, none]) expectLine(read, known.document, 'line of d0');
      expect(absent.every((document) => document === undefined)).toBe(true);
    });

    it('remembers what a read found for as long as the caller wants', async () => {
      const { known } = await opened();
      const reader = fresh.views.reader(totals);
      expect(reader.remembered('t', 60_000)).toBe(known.document);
      expect(reader.remembered('absent', 60_000)).toBeUndefined();
      // What this process knows anyway has no age.
      await eventually(() => expect(reader.remembered('t', 1)).toBe(isAlone() ? known.document : undefined));
      await fresh.views.reader(items).getWhile(known, ['a']);
      expect(reader.remembered('t', 60_000)).toBe(known.document);
      await total(await elsewhere(), 't', 2, 2);
      // Another process may have written it, of which nobody has told this one.
      expect(reader.remembered('t', 60_000)).toBe(isAlone() ? undefined : known.document);
      const now = await reader.get('t');
      expect(reader.remembered('t', 60_000)).toBe(now);
      expect(now).toEqual({ _id: 't', left: { sum: 2, seen: 1 } });
      // A view without the cache remembers nothing.
      await fresh.views.reader(items).get('a');
      expect(fresh.views.reader(items).remembered('a', 60_000)).toBeUndefined();
    });
  });
}
