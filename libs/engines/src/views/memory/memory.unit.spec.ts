import { expect, it } from 'vitest';
import { items, type ViewsHarness } from '../contract/fixture.ts';
import { instancesContract } from '../contract/instances-contract.ts';
import { rebuildContract } from '../contract/rebuild-contract.ts';
import { runnerContract } from '../contract/runner-contract.ts';
import { CheckpointMoved } from '../store.ts';
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
  await one.store.apply(items, 1, [op]);
  expect(await one.reader(items).get('a')).toEqual({ _id: 'a', item: { n: 1, group: 'g' } });
  expect(await other.reader(items).get('a')).toBeUndefined();
  await Promise.all([one.close(), other.close()]);
});

it('lifts the seal of a builder whose lease has run out, and lets no late swap of it through', async () => {
  let now = 0;
  const views = openMemoryViews({ shared: true, now: () => now });
  const { store } = views;
  await store.ensure(items);
  const at = (next: number) => ({ topic: 't.items', partition: 0, next, progress: [] });
  const build = await store.startBuild(items);
  expect(await store.lease(items, build, 'a', 1000)).toBe(true);
  await store.seal(items, []);
  await store.builds(items, true);
  await expect(store.apply(items, 1, [], { ...at(1), from: 0 })).rejects.toThrow(CheckpointMoved);
  now = 1000;
  await store.builds(items, true);
  await store.apply(items, 1, [], { ...at(1), from: 0 });
  await expect(store.swap(items, build)).rejects.toThrow(/seal/);
  // The next builder seals and swaps.
  expect(await store.lease(items, build, 'b', 1000)).toBe(true);
  await store.seal(items, []);
  await store.swap(items, build);
  await views.close();
});
