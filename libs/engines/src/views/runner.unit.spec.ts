import { expect, it } from 'vitest';
import { openMemoryLog } from '../log/memory/index.ts';
import { items } from './contract/fixture.ts';
import { openMemoryViews } from './memory/index.ts';
import { ProjectionSet } from './projection-set.ts';

it('checks the indexes of the build that another process swaps in during the check of the former one', async () => {
  const views = openMemoryViews({ shared: true });
  const checked: number[] = [];
  const ensure = views.store.ensure.bind(views.store);
  views.store.ensure = async (projection) => {
    checked.push(await ensure(projection));
    if (checked.length === 1) await views.store.swap(projection, await views.store.startBuild(projection));
    return checked.at(-1)!;
  };
  const log = openMemoryLog({ partitions: 1 });
  const set = new ProjectionSet({ log, views, projections: [items], verifyMs: 0 });
  await set.start();
  expect(checked).toEqual([1, 2]);
  await set.stop();
  await log.close();
});
