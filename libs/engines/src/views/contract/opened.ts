import { afterEach, beforeEach } from 'vitest';
import type { EventLog, NewRecord } from '../../log/index.ts';
import { openMemoryLog } from '../../log/memory/index.ts';
import type { Views } from '../port.ts';
import type { Projection } from '../projection.ts';
import { ProjectionSet } from '../projection-set.ts';
import type { ViewOp } from '../store.ts';
import { type ViewsHarness, items, totals, poison } from './fixture.ts';

/** A new store for each test, with the view `items`. */
export function openedStore(open: () => Promise<ViewsHarness>) {
  const fresh = {} as { harness: ViewsHarness; views: Views };
  beforeEach(async () => {
    fresh.harness = await open();
    fresh.views = fresh.harness.views;
    await fresh.views.store.ensure(items);
  });
  afterEach(() => fresh.harness.close());
  return {
    fresh,
    put: (...ops: ViewOp[]): Promise<readonly string[]> => fresh.views.store.apply(items, 1, ops),
    get: async (id: string): Promise<unknown> => (await fresh.views.reader(items).get(id))?.['item'],
  };
}

export const item = (id: string, offset: number, value: unknown, partition = 0): ViewOp => ({
  id,
  part: 'item',
  partition,
  offset,
  value,
});

/** Projections with a new store and a new log in memory for each test. */
export function openedProjections(open: () => Promise<ViewsHarness>) {
  const fresh = {} as { harness: ViewsHarness; views: Views; log: EventLog };
  const running = new Set<ProjectionSet>();
  beforeEach(async () => {
    fresh.harness = await open();
    fresh.views = fresh.harness.views;
    fresh.log = openMemoryLog({ partitions: 3 });
    Object.assign(poison, { on: true, unpassable: false });
  });
  afterEach(async () => {
    for (const set of running) await set.stop();
    running.clear();
    await fresh.log.close();
    await fresh.harness.close();
  });
  /** Waits until the view has passed the heads of the topics. */
  const passed = async (projection: Projection, ...topics: readonly string[]): Promise<void> => {
    if (!(await fresh.views.reader(projection).waitFor(await fresh.log.head(topics), 60_000)))
      throw new Error(`${projection.name} has not passed ${topics.join(' and ')}`);
  };
  return {
    fresh,
    running,
    async start(projections: readonly Projection[] = [items, totals], maxRecords?: number): Promise<ProjectionSet> {
      const { log, views } = fresh;
      const set = new ProjectionSet({ log, views, projections, ...(maxRecords && { maxRecords }) });
      running.add(set);
      await set.start();
      return set;
    },
    async stop(set: ProjectionSet): Promise<void> {
      running.delete(set);
      await set.stop();
    },
    async total(id: string): Promise<unknown> {
      const document = await fresh.views.reader(totals).get(id);
      return (
        document && {
          left: (document['left'] as { sum: number } | undefined)?.sum,
          right: (document['right'] as { sum: number } | undefined)?.sum,
        }
      );
    },
    passed,
    /** Appends records, and waits until the view shows them. */
    async shown(projection: Projection, topic: string, ...records: readonly NewRecord[]): Promise<void> {
      await fresh.log.append(topic, records);
      await passed(projection, topic);
    },
  };
}
