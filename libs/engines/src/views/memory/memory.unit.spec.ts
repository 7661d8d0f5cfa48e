import { expect, it } from 'vitest';
import { items } from '../contract/fixture.ts';
import type { ViewsHarness } from '../contract/fixture.ts';
import { instancesContract } from '../contract/instances-contract.ts';
import { rebuildContract } from '../contract/rebuild-contract.ts';
import { runnerContract } from '../contract/runner-contract.ts';
import { openMemoryViews } from './index.ts';

// The embedded engine, which this store uses, passes the whole contract. The memory engine adds a shared store.

async function open(): Promise<ViewsHarness> {
  const views = openMemoryViews({ shared: true });
  return {
    views,
    another: async () => ({ ...views }),
    remember: async () => {
      const copy = views.store.copy();
      return async () => views.store.restore(copy);
    },
    close: () => views.close(),
  };
}

runnerContract('memory', open);
rebuildContract('memory', open);
instancesContract('memory', open);

it('holds what is written, apart from another', async () => {
  const [one, other] = [openMemoryViews(), openMemoryViews()];
  for (const { store } of [one, other]) await store.ensure(items);
  const op = { id: 'a', part: 'item', partition: 0, offset: 0, value: { n: 1, group: 'g' } };
  await one.store.apply(items, 'live', [op]);
  expect(await one.reader(items).get('a')).toEqual({ _id: 'a', item: { n: 1, group: 'g' } });
  expect(await other.reader(items).get('a')).toBeUndefined();
  await Promise.all([one.close(), other.close()]);
});
