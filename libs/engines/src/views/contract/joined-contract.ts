import { describe, expect, it } from 'vitest';
import { bytesOfJoined, type JoinedBody, type ViewDocument } from '../projection.ts';
import { items, PLAIN_GROUP, type ViewsHarness } from './fixture.ts';
import { item, openedStore } from './opened.ts';

export function joinedContract(name: string, open: () => Promise<ViewsHarness>): void {
  describe(`${name}: joined bodies`, () => {
    const { fresh, put } = openedStore(open);

    const owners = ['m1', 'm10', 'm1 ', 'm', '', 'sha"red', "o'", 'ä\u{1F600}', 'm1\u0000', '1 m', '!'];
    const all = owners.flatMap((owner) => ['/A/1', '/A/2 ', '', '/B!1'].map((name) => owner + name)).filter(Boolean);
    const groupOf = (at: number): string => (at % 3 === 0 ? 'g' : PLAIN_GROUP);
    const lineOf = (at: number): string | Uint8Array | undefined =>
      [undefined, 'é\u0000"', '', 'x'.repeat(900), Buffer.from('bytes')][at % 5];
    const putAll = (): Promise<unknown> =>
      put(
        ...all.map((id, at) => {
          const line = lineOf(at);
          return item(id, at, { n: at, group: groupOf(at), ...(line !== undefined && { line }) }, at % 2);
        }),
      );
    const shown = ({ item: part, ...document }: ViewDocument) => {
      const { json, line } = part as { json?: string; line?: Uint8Array | JoinedBody };
      const bytes = line === undefined || line instanceof Uint8Array ? line : bytesOfJoined(line);
      return { ...document, json, line: bytes && Buffer.from(bytes).toString() };
    };

    it('answers a page with joined bodies as without', async () => {
      await putAll();
      const reader = fresh.views.reader(items);
      for (const group of ['g', PLAIN_GROUP, 'nobody'])
        for (const maxBytes of [1_000_000, 3_000, 900, 1])
          for (const more of [{ limit: 100 }, { limit: 3 }, { limit: 1 }, { limit: 4, except: [all[0]!, all[4]!] }]) {
            const first = {
              index: 'by_group',
              equals: [group],
              bodies: ['item.line'],
              fields: 'text',
              maxBytes,
            } as const;
            for (const after of [undefined, { values: [7], id: all[7]! }]) {
              const asked = { ...first, ...more, ...(after !== undefined && { after }) };
              const found = (await reader.find(asked)).map(shown);
              const joined = (await reader.find({ ...asked, joined: true })).map(shown);
              // The text of a plain document may be absent.
              const json = (at: number) => joined[at]?.json ?? (group === 'g' ? 'absent' : found[at]?.json);
              expect(joined.map((one, at) => ({ ...one, json: json(at) }))).toEqual(found);
            }
          }
    });

    it('answers documents by ids with joined bodies as without', async () => {
      await putAll();
      // A document of two partitions, and one that is removed.
      await put(item(all[1]!, 99, { n: 1, group: PLAIN_GROUP, line: 'again' }, 2));
      await put(item(all[2]!, 100, null, 0));
      const reader = fresh.views.reader(items);
      const some = [all[7]!, 'nobody', all[2]!, all[0]!, 'm1/A/3', all[1]!, ...all.slice(8, 20), 'unknown'];
      for (const ids of [some, some.toReversed(), all, all.slice(0, 1), [all[3]!, all[3]!], ['nobody', 'unknown']])
        for (const maxBytes of [1_000_000, 3_000, 900, 1])
          for (const versions of [true, false]) {
            const load = { bodies: ['item.line'], fields: 'text', maxBytes, versions } as const;
            const found = (await reader.getMany(ids, load)).map((one) => one && shown(one));
            const joined = (await reader.getMany(ids, { ...load, joined: true })).map((one) => one && shown(one));
            // The text of a plain document may be absent.
            const isPlain = (id: string): boolean => groupOf(all.indexOf(id)) === PLAIN_GROUP;
            const json = (at: number) => joined[at]?.json ?? (isPlain(ids[at]!) ? found[at]?.json : 'absent');
            expect(joined.map((one, at) => one && { ...one, json: json(at) })).toEqual(found);
          }
    });
  });
}
