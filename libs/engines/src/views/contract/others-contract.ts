import { describe, expect, it } from 'vitest';
import { openedStore, item } from './opened.ts';
import { type Item, type ViewsHarness, items, PLAIN_GROUP } from './fixture.ts';

export function othersContract(name: string, open: () => Promise<ViewsHarness>): void {
  describe(`${name}: documents that are not plain`, () => {
    const { fresh, put } = openedStore(open);

    it.each([0, 1, 128, 129, 170])(
      'finds those of some ids that are not plain, of an owner with %i others',
      async (count) => {
        const names = (owner: string): string[] =>
          Array.from({ length: 200 }, (_, n) => `${owner}T/${String(n).padStart(3, '0')}`);
        // Next to the ids of the owner in the order of bytes, or in another one.
        const near = [
          'own',
          'own.',
          'own0',
          'own.x/T/1',
          'own0/T/1',
          'ow/T/1',
          'own\u{1F600}/T/1',
          'own\uD800/T/1',
          'all/T/1',
        ];
        const ids = names('own/');
        const isPlain = (id: string): boolean => !near.includes(id) && ids.indexOf(id) >= count;
        const known = [...ids.slice(0, 180), ...near];
        await put(...known.map((id, n) => item(id, n, { n, group: isPlain(id) ? PLAIN_GROUP : 'g' })));
        const reader = fresh.views.reader(items);
        const owned = near.filter((id) => id.includes('/'));
        const all = ['own', 'all', 'nobody', 'own.x', 'own0', 'ow', 'own\u{1F600}', 'own\uD800'];
        for (const [asked, ...owners] of [
          [ids, 'own'],
          [ids, 'own', 'all'],
          [[...owned, ...ids.toReversed(), ids[0]!], ...all],
          [[...ids.slice(40), 'all/T/1'], 'all', 'own', 'nobody'],
          [owned, ...all],
          [['own0/T/1', 'own.x/T/1'], 'own0', 'own.x'],
          [['own\u{1F600}/T/1'], 'own\u{1F600}', 'own'],
          [['own\uD800/T/1'], 'own\uD800', 'own'],
          [['nobody/T/1'], 'own', 'nobody'],
          [['nobody/T/1'], 'own.', 'nobody'],
        ] as const) {
          const among = { owners, has: (id: string) => asked.includes(id as never), all: () => asked };
          const found = (await reader.others(among)).map(({ _id, item: part }) => [_id, (part as Item).n]);
          const wanted = new Set(asked.filter((id) => known.includes(id) && !isPlain(id)));
          expect(found.toSorted()).toEqual([...wanted].map((id) => [id.toWellFormed(), known.indexOf(id)]).toSorted());
        }
      },
    );
  });
}
