import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import type { EventLog, NewRecord } from '../../log/index.ts';
import { openMemoryLog } from '../../log/memory/index.ts';
import { eventually } from '@provider-access/testing';
import { BuildWriter } from '../build-writer.ts';
import type { Views } from '../port.ts';
import { ProjectionSet } from '../projection-set.ts';
import { CheckpointMoved } from '../store.ts';
import { poison, progress, record, totals, type ViewsHarness } from './fixture.ts';

const signal = new AbortController().signal;
const context = { projection: totals, logger: undefined, maxRecords: 7 };

export function instancesContract(name: string, open: () => Promise<ViewsHarness>): void {
  describe(`${name}: several instances (of a store that several processes write)`, () => {
    let harness: ViewsHarness;
    let log: EventLog;
    const running = new Set<ProjectionSet>();
    const also: Views[] = [];
    beforeEach(async () => {
      harness = await open();
      log = openMemoryLog({ partitions: 4 });
      poison.on = true;
    });
    afterEach(async () => {
      for (const set of running) await set.stop();
      running.clear();
      for (const views of also.splice(0)) await views.close();
      await log.close();
      await harness.close();
    });

    async function start(views: Views, verifyMs = 20): Promise<ProjectionSet> {
      const set = new ProjectionSet({ log, views, projections: [totals], maxRecords: 20, verifyMs });
      running.add(set);
      await set.start();
      return set;
    }
    async function stop(set: ProjectionSet): Promise<void> {
      running.delete(set);
      await set.stop();
    }
    async function another(): Promise<Views> {
      const views = await harness.another!();
      also.push(views);
      return views;
    }
    const adds = (from: number, to: number): NewRecord[] =>
      Array.from({ length: to - from }, (_, i) => record(`k${(from + i) % 23}`, { n: 1 }));
    const passed = async (views: Views): Promise<boolean> =>
      views.reader(totals).waitFor(await log.head(['t.left', 't.right']), 60_000);
    const sum = async (views: Views): Promise<number> => {
      let all = 0;
      for await (const document of views.reader(totals).scan({ index: 'by_sum' }))
        all += (document['left'] as { sum: number }).sum;
      return all;
    };

    it('share a view: each knows the position of all partitions, and one takes over from the other', async () => {
      const other = await another();
      const [a, b] = [await start(harness.views), await start(other)];
      await log.append('t.left', adds(0, 200));
      expect(await passed(harness.views)).toBe(true);
      expect(await passed(other)).toBe(true);
      const [ofA, ofB] = [(await a.status())[0]!, (await b.status())[0]!];
      expect(ofA.position).toEqual(ofB.position);
      expect(ofA.position.topics['t.left']).toEqual(ofA.head['t.left']);
      expect(await b.lag()).toEqual([
        { view: 'test_totals_v1', topic: 't.left', behind: 0 },
        { view: 'test_totals_v1', topic: 't.right', behind: 0 },
      ]);
      await stop(a);
      await log.append('t.left', adds(200, 300));
      expect(await passed(harness.views)).toBe(true);
      const again = await start(harness.views);
      await stop(b);
      await log.append('t.left', adds(300, 400));
      expect(await passed(other)).toBe(true);
      expect(await sum(harness.views)).toBe(400);
      expect(again.failure()).toBeUndefined();
    });

    it('merge progress entries by the positions of all partitions, also those of the other instance', async () => {
      const other = await another();
      await start(harness.views);
      await start(other);
      await log.append('t.right', adds(0, 40));
      const after = {
        't.right': Object.fromEntries((await log.head(['t.right']))['t.right']!.map((next, p) => [p, next])),
      };
      for (let next = 1; next <= 30; next++)
        await log.append('t.left', [progress('d1', 'in.events', 0, next, after, `p${next}`)]);
      expect(await passed(other)).toBe(true);
      expect(await harness.views.reader(totals).waitFor({ 'in.events': [30] }, 60_000)).toBe(true);
      await log.append(
        't.left',
        Array.from({ length: 8 }, (_, i) => progress('d1', 'in.events', 0, 31 + i, after, `p${i}`)),
      );
      expect(await passed(other)).toBe(true);
      const kept = await other.store.checkpoints(totals, 'live');
      for (const { progress: entries } of kept.filter((c) => c.topic === 't.left' && c.progress.length > 0))
        expect(entries.length).toBeLessThanOrEqual(2);
    });

    it('keep writing during a rebuild; no reader sees a position go back; the other follows the swap', async () => {
      const other = await another();
      const [a, b] = [await start(harness.views), await start(other)];
      await log.append('t.left', adds(0, 100));
      expect(await passed(other)).toBe(true);
      let busy = true;
      let back = 0;
      const writing = (async () => {
        for (let i = 100; busy; i += 5) {
          await log.append('t.left', adds(i, i + 5));
          await other.reader(totals).waitFor(await log.head(['t.left']), 60_000);
        }
      })();
      const watching = (async () => {
        let last: readonly number[] = [];
        while (busy) {
          const now = (await other.reader(totals).position()).topics['t.left']!;
          if (last.some((next, p) => next > (now[p] ?? 0))) back++;
          last = now;
          await new Promise((resolve) => setImmediate(resolve));
        }
      })();
      try {
        expect(await a.rebuild('totals', { graceMs: 60_000 })).toMatchObject({ build: 2, equal: true });
        expect((await b.rebuild('totals', { graceMs: 60_000 })).build).toBe(3);
        expect((await a.rollback('totals', { graceMs: 60_000 })).build).toBe(2);
      } finally {
        busy = false;
        await Promise.all([writing, watching]);
      }
      expect(back).toBe(0);
      expect(await passed(harness.views)).toBe(true);
      expect(await passed(other)).toBe(true);
      const written = (await log.head(['t.left']))['t.left']!.reduce((x, y) => x + y, 0);
      expect([await sum(harness.views), await sum(other)]).toEqual([written, written]);
      expect((await b.status())[0]).toMatchObject({ version: 2, previous: 3 });
    });

    it('once a view has passed a position, all readers see the records before it, even during a swap', async () => {
      const other = await another();
      const a = await start(harness.views);
      await log.append('t.left', adds(0, 100));
      expect(await passed(harness.views)).toBe(true);
      let busy = true;
      const stale: string[] = [];
      let acknowledged = (await harness.views.reader(totals).get('k0'))!['left'] as { sum: number };
      const reading = (async () => {
        while (busy) {
          await log.append('t.left', [record('k0', { n: 1 })]);
          if (!(await passed(harness.views))) stale.push('never passed');
          acknowledged = { ...acknowledged, sum: acknowledged.sum + 1 };
          const seen = (await other.reader(totals).get('k0'))!['left'] as { sum: number };
          if (seen.sum < acknowledged.sum) stale.push(`${seen.sum} after ${acknowledged.sum}`);
        }
      })();
      try {
        for (const build of [2, 3])
          expect(await a.rebuild('totals', { graceMs: 60_000 })).toMatchObject({ build, equal: true });
        expect((await a.rollback('totals', { graceMs: 60_000 })).build).toBe(2);
        const { sum } = acknowledged;
        await eventually(() => acknowledged.sum > sum + 20 || stale.length > 0, {
          what: '20 more records are read after the last swap',
        });
      } finally {
        busy = false;
        await reading;
      }
      expect(stale).toEqual([]);
    });

    it('continue an unfinished rebuild of another instance, and start no second one', async () => {
      const other = await another();
      const [a, b] = [await start(harness.views), await start(other)];
      await log.append('t.left', adds(0, 60));
      expect(await passed(other)).toBe(true);
      const apply = harness.views.store.apply.bind(harness.views.store);
      let reached = (): void => {};
      let goOn = (): void => {};
      const paused = new Promise<void>((resolve) => (reached = resolve));
      const freed = new Promise<void>((resolve) => (goOn = resolve));
      let first = true;
      harness.views.store.apply = async (projection, build, ops, checkpoint, from) => {
        const answer = await apply(projection, build, ops, checkpoint, from);
        if (build === 2 && first) {
          first = false;
          reached();
          await freed;
        }
        return answer;
      };
      const left = a.rebuild('totals').then(
        () => 'done',
        () => 'left',
      );
      await paused;
      await expect(b.rebuild('totals')).rejects.toThrow(/rebuilt by another instance/);
      const stopping = stop(a);
      goOn();
      expect(await left).toBe('left');
      await stopping;
      harness.views.store.apply = apply;
      const begun = await other.store.checkpoints(totals, 2);
      expect(begun.length).toBeGreaterThan(0);
      expect(await b.rebuild('totals', { graceMs: 60_000 })).toMatchObject({ build: 2, equal: true });
      expect(await sum(other)).toBe(60);
    });

    it('notice while they run that the store lost its last seconds, and read them from the log again', async () => {
      const other = await another();
      const [a] = [await start(harness.views), await start(other)];
      await log.append('t.left', adds(0, 100));
      expect(await passed(other)).toBe(true);
      const forget = await harness.remember!();
      await log.append('t.left', adds(100, 250));
      await log.append('t.right', adds(0, 30));
      expect(await passed(other)).toBe(true);
      await forget();
      // Without a batch, only the periodic check finds the loss.
      expect(await passed(harness.views)).toBe(true);
      expect(await sum(harness.views)).toBe(250);
      await forget();
      // With a batch, the records between the checkpoint and the batch are read first.
      await log.append('t.left', adds(250, 300));
      expect(await passed(other)).toBe(true);
      expect(await sum(other)).toBe(300);
      expect(await a.rebuild('totals', { graceMs: 0 })).toMatchObject({ equal: true });
    });

    it('have the result of one instance when both handle the same partitions', async () => {
      const other = await another();
      // Each has its own group, so both get every batch, as a consumer that does not know yet that it lost its
      // partitions.
      const double = (suffix: string): EventLog =>
        new Proxy(log, {
          get: (target, key) =>
            key === 'subscribe'
              ? (options: Parameters<EventLog['subscribe']>[0]) =>
                  target.subscribe({ ...options, group: `${options.group}/${suffix}` })
              : key === 'committed'
                ? (group: string, topics: readonly string[]) => target.committed(`${group}/${suffix}`, topics)
                : typeof target[key as keyof EventLog] === 'function'
                  ? (target[key as keyof EventLog] as () => unknown).bind(target)
                  : target[key as keyof EventLog],
        });
      const sets = [harness.views, other].map(
        (views, i) =>
          new ProjectionSet({
            log: double(String(i)),
            views,
            projections: [totals],
            maxRecords: 3 + i * 4,
            verifyMs: 20,
          }),
      );
      for (const set of sets) running.add(set);
      await Promise.all(sets.map((set) => set.start()));
      for (let i = 0; i < 200; i += 10) await log.append('t.left', adds(i, i + 10));
      expect(await passed(harness.views)).toBe(true);
      await eventually(async () => (await sum(other)) === 200);
      expect(await sets[0]!.rebuild('totals', { graceMs: 0 })).toMatchObject({ equal: true });
    });

    it('ask a store to which nothing happened for nothing but documents while they own their partitions', async () => {
      await start(harness.views, 60_000);
      await log.append('t.left', adds(0, 40));
      expect(await passed(harness.views)).toBe(true);
      const { store } = harness.views;
      const asked: string[] = [];
      const kept = { checkpoints: store.checkpoints, verify: store.verify, builds: store.builds };
      let saved = 0;
      const done = store.onAdvance('test_totals_v1', () => saved++);
      for (const name of ['checkpoints', 'verify', 'builds'] as const) {
        const real = store[name] as (...args: unknown[]) => unknown;
        Object.assign(store, { [name]: (...args: unknown[]) => (asked.push(name), real.apply(store, args)) });
      }
      let quiet = 0;
      for (let i = 0; i < 10; i++) {
        const before = saved;
        asked.length = 0;
        await log.append('t.left', [
          ...adds(40 + i, 41 + i),
          progress('d1', 'in.events', 0, i + 1, undefined, `p${i}`),
        ]);
        await eventually(() => saved > before);
        if (asked.length === 0) quiet++;
      }
      Object.assign(store, kept);
      done();
      // Some questions come by the clock, so on a busy machine they fall on some of the batches.
      expect(quiet, asked.join()).toBeGreaterThanOrEqual(3);
      expect(saved).toBeGreaterThanOrEqual(10);
    });

    /** Holds the first write of a store in front of its documents. */
    function stall(views: Views): { readonly held: Promise<void>; goOn(): void } {
      const { apply } = views.store;
      const [held, freed] = [Promise.withResolvers<void>(), Promise.withResolvers<void>()];
      views.store.apply = async (...args) => {
        views.store.apply = apply;
        held.resolve();
        await freed.promise;
        return apply.apply(views.store, args);
      };
      return { held: held.promise, goOn: () => freed.resolve() };
    }

    it('neither set a position back nor count twice when an owner stalls and another took its partitions', async () => {
      const other = await another();
      const [a, b] = [
        new BuildWriter({ ...context, log, store: harness.views.store }, 1),
        new BuildWriter({ ...context, log, store: other.store }, 1),
      ];
      await harness.views.store.ensure(totals);
      await log.append('t.left', adds(0, 100));
      const head = await log.head(['t.left']);
      for (const writer of [a, b]) await writer.reload();
      await a.fillAll({ 't.left': head['t.left']!.map((next) => Math.floor(next / 3)) }, signal);
      const { held, goOn } = stall(harness.views);
      const stalled = a.fillAll(head, signal);
      await held;
      // The successor reads the checkpoints when it gets the partitions.
      await b.reload();
      await b.fillAll(head, signal);
      const moved = await other.store.checkpoints(totals, 1);
      goOn();
      await expect(stalled).rejects.toThrow(CheckpointMoved);
      expect(await other.store.checkpoints(totals, 1)).toEqual(moved);
      expect(await a.reload()).toEqual([]);
      await a.fillAll(head, signal);
      expect(await sum(other)).toBe(100);
    });

    it('begin no dropped build again with the first record of a partition', async () => {
      const other = await another();
      const [a] = [await start(harness.views), await start(other)];
      expect((await a.rebuild('totals', { graceMs: 0 })).build).toBe(2);
      await eventually(async () => expect((await a.status())[0]!.previous).toBeUndefined());
      await log.append('t.left', adds(0, 80));
      expect(await passed(other)).toBe(true);
      expect([await sum(harness.views), await sum(other)]).toEqual([80, 80]);
      expect(await other.store.checkpoints(totals, 1)).toEqual([]);
    });

    it('go on in the build that another instance swapped in and whose predecessor it dropped', async () => {
      const other = await another();
      const [a, b] = [await start(harness.views), await start(other)];
      await log.append('t.left', adds(0, 80));
      expect(await passed(other)).toBe(true);
      for (const [set, build] of [
        [a, 2],
        [b, 3],
      ] as const) {
        expect((await set.rebuild('totals', { graceMs: 0 })).build).toBe(build);
        await eventually(async () => expect((await set.status())[0]!.previous).toBeUndefined());
        await log.append('t.left', adds(0, 40));
        expect(await passed(other)).toBe(true);
      }
      expect([await sum(harness.views), await sum(other)]).toEqual([160, 160]);
      for (const set of [a, b]) expect(set.failure()).toBeUndefined();
    });
  });
}
