import { describe, expect, it } from 'vitest';
import type { NewRecord } from '../../log/index.ts';
import { openedProjections } from './opened.ts';
import { type ViewsHarness, items, totals, poison, record } from './fixture.ts';

export function rebuildContract(name: string, open: () => Promise<ViewsHarness>): void {
  describe(`${name}: rebuilds`, () => {
    const { fresh, start, stop, total, passed, shown } = openedProjections(open);

    it('rebuilds beside the live view while both are written and read, and readers notice nothing', async () => {
      const set = await start([items, totals], 20);
      const add = (from: number, to: number): NewRecord[] =>
        Array.from({ length: to - from }, (_, i) => record(`k${(from + i) % 17}`, { n: 1 }));
      await fresh.log.append('t.left', add(0, 200));
      await passed(totals, 't.left');
      let busy = true;
      let missing = 0;
      let sum = 0;
      const reading = (async () => {
        while (busy) {
          const now = (await fresh.views.reader(totals).getMany(Array.from({ length: 17 }, (_, i) => `k${i}`))).reduce(
            (s, d) => s + (d === undefined ? (missing++, 0) : (d['left'] as { sum: number }).sum),
            0,
          );
          if (now < sum) missing++;
          sum = now;
          await new Promise((resolve) => setImmediate(resolve));
        }
      })();
      const writing = (async () => {
        for (let i = 200; busy; i += 5) {
          await fresh.log.append('t.left', add(i, i + 5));
          // Write about as fast as the projection reads.
          if (i % 20 === 0) await fresh.views.reader(totals).waitFor(await fresh.log.head(['t.left']), 60_000);
        }
      })();
      const result = await set.rebuild('totals', { graceMs: 0 });
      busy = false;
      await Promise.all([reading, writing]);
      expect(result).toMatchObject({ view: 'test_totals_v1', build: 2, equal: true });
      expect(result.live).toEqual(result.rebuilt);
      expect(result.live!.count).toBe(17);
      expect(missing).toBe(0);
      const head = await fresh.log.head(['t.left']);
      await passed(totals, 't.left');
      const documents = await fresh.views.reader(totals).find({ index: 'by_sum', limit: 100 });
      expect(documents.reduce((s, d) => s + (d['left'] as { sum: number }).sum, 0)).toBe(
        head['t.left']!.reduce((a, b) => a + b, 0),
      );
      expect((await set.status()).find((s) => s.view === 'test_totals_v1')).toMatchObject({
        version: 2,
        documents: 17,
      });
      await expect.poll(() => fresh.views.store.builds(totals)).toEqual({ live: 2 });
    });

    it('reports a live view that differs from the log, and the log wins', async () => {
      const set = await start([totals]);
      await shown(totals, 't.left', record('a', { n: 1 }, 'added', 'p'));
      await fresh.views.store.apply(totals, 1, [
        { id: 'a', part: 'left', partition: 9, offset: 0, value: { sum: 999, seen: 1 } },
      ]);
      const result = await set.rebuild('test_totals_v1', { graceMs: 0 });
      expect(result.equal).toBe(false);
      expect(await total('a')).toEqual({ left: 1, right: undefined });
      await expect(set.rebuild('nobody')).rejects.toThrow(RangeError);
    });

    it('continues an unfinished build after a crash, or abandons it', async () => {
      await fresh.log.append('t.left', [record('a', { n: 1 }, 'added', 'p'), record('a', { n: 2 }, 'added', 'p')]);
      const set = await start([totals]);
      await passed(totals, 't.left');
      await stop(set);
      const build = await fresh.views.store.startBuild(totals);
      const partition = (await fresh.log.head(['t.left']))['t.left']!.findIndex((next) => next > 0);
      await fresh.views.store.apply(
        totals,
        build,
        [{ id: 'a', part: 'left', partition, offset: 0, value: { sum: 1, seen: 1 }, base: {} }],
        { topic: 't.left', partition, from: 0, next: 1, progress: [] },
      );
      if (fresh.harness.reopen !== undefined) fresh.views = await fresh.harness.reopen();
      const again = await start([totals]);
      expect(await fresh.views.store.builds(totals)).toEqual({ live: 1, building: build });
      expect((await again.status())[0]!.rebuilding).toMatchObject({ version: build });
      expect(await again.rebuild('totals', { graceMs: 0 })).toMatchObject({ build, equal: true });
      expect(await total('a')).toEqual({ left: 3, right: undefined });
      const next = await fresh.views.store.startBuild(totals);
      expect(await again.abandon('totals')).toBe(true);
      expect(await again.abandon('totals')).toBe(false);
      expect((await fresh.views.store.builds(totals))!.live).toBe(build);
      expect(await fresh.views.store.startBuild(totals)).toBeGreaterThan(next);
    });

    it('drops the kept previous build when another rebuild starts, so that there are never three', async () => {
      const set = await start([totals]);
      await shown(totals, 't.left', record('a', { n: 1 }, 'added', 'p'));
      await set.rebuild('totals');
      expect(await fresh.views.store.builds(totals)).toMatchObject({ live: 2, previous: 1 });
      const { startBuild } = fresh.views.store;
      let before: unknown;
      fresh.views.store.startBuild = async (projection) => {
        before = await fresh.views.store.builds(projection, true);
        return startBuild.call(fresh.views.store, projection);
      };
      expect(await set.rebuild('totals')).toMatchObject({ build: 3, equal: true });
      expect(before).toMatchObject({ live: 2, previous: undefined });
      expect(await fresh.views.store.builds(totals)).toMatchObject({ live: 3, previous: 2 });
    });

    it('rolls back to the previous build, which has caught up by then, and forward again', async () => {
      const set = await start([totals]);
      await shown(totals, 't.left', record('a', { n: 1 }));
      await expect(set.rollback('totals')).rejects.toThrow(/no previous build/);
      expect(await set.rebuild('totals', { graceMs: 60_000 })).toMatchObject({ build: 2, equal: true });
      await shown(totals, 't.left', record('a', { n: 2 }), record('b', { n: 5 }));
      expect((await set.status())[0]).toMatchObject({ version: 2, previous: 1 });
      expect(await set.rollback('totals', { graceMs: 60_000 })).toMatchObject({ build: 1 });
      expect([await total('a'), await total('b')]).toEqual([
        { left: 3, right: undefined },
        { left: 5, right: undefined },
      ]);
      await shown(totals, 't.left', record('a', { n: 4 }));
      expect((await set.rollback('totals', { graceMs: 0 })).build).toBe(2);
      expect(await total('a')).toEqual({ left: 7, right: undefined });
      await expect(set.rollback('nobody')).rejects.toThrow(RangeError);
    });

    it('does not change the live view when the rebuild stops at a record that it cannot pass over', async () => {
      poison.on = false;
      const set = await start([totals]);
      await shown(totals, 't.left', record('a', { n: 1 }, 'poison'));
      Object.assign(poison, { on: true, unpassable: true });
      await expect(set.rebuild('totals')).rejects.toThrow(/evolve failed/);
      expect(await fresh.views.store.builds(totals)).toEqual({ live: 1 });
      expect(await total('a')).toEqual({ left: 1, right: undefined });
      expect(set.failure()).toBeUndefined();
    });
  });
}
