import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import type { EventLog, NewRecord, Position } from '@provider-access/engines/log';
import { openMemoryLog } from '@provider-access/engines/log/memory';
import { eventually } from '@provider-access/testing';
import type { Views } from '../port.ts';
import type { Projection } from '../projection.ts';
import { ProjectionSet } from '../projection-set.ts';
import type { ViewOp } from '../store.ts';
import { appendAll, collect, items, poison, progress, record, totals } from './fixture.ts';
import type { ViewsHarness } from './fixture.ts';

/** A view of one of our own topics. */
const versioned: Projection = {
  owner: 'test',
  name: 'versioned',
  version: 1,
  indexes: [],
  topics: { 'pa.consent': { part: 'consent', keys: ({ key }) => [key], evolve: () => ({}) } },
};

/** The runner's half of the contract, over the adapter's store and a log in memory. */
export function runnerContract(name: string, open: () => Promise<ViewsHarness>): void {
  describe(`${name}: projections`, () => {
    let harness: ViewsHarness;
    let views: Views;
    let log: EventLog;
    const running = new Set<ProjectionSet>();
    beforeEach(async () => {
      harness = await open();
      views = harness.views;
      log = openMemoryLog({ partitions: 3 });
      Object.assign(poison, { on: true, unpassable: false });
    });
    afterEach(async () => {
      for (const set of running) await set.stop();
      running.clear();
      await log.close();
      await harness.close();
    });

    async function start(
      projections: readonly Projection[] = [items, totals],
      maxRecords?: number,
    ): Promise<ProjectionSet> {
      const set = new ProjectionSet({ log, views, projections, ...(maxRecords && { maxRecords }) });
      running.add(set);
      await set.start();
      return set;
    }
    async function stop(set: ProjectionSet): Promise<void> {
      running.delete(set);
      await set.stop();
    }
    const total = async (id: string): Promise<unknown> => {
      const document = await views.reader(totals).get(id);
      return (
        document && {
          left: (document['left'] as { sum: number } | undefined)?.sum,
          right: (document['right'] as { sum: number } | undefined)?.sum,
        }
      );
    };
    const passed = (projection: Projection, at: Position): Promise<boolean> =>
      views.reader(projection).waitFor(at, 60_000);

    it('builds documents from what was there before it started and from what comes after', async () => {
      await log.append('t.items', [record('a', { n: 1, group: 'g' }), record('b', { n: 2, group: 'g' })]);
      await start();
      expect(
        await passed(
          items,
          await appendAll(log, 't.items', [record('a', { n: 3, group: 'g' }), record('b', {}, 'removed')]),
        ),
      ).toBe(true);
      expect(await views.reader(items).get('a')).toEqual({ _id: 'a', item: { n: 3, group: 'g' } });
      expect(await views.reader(items).get('b')).toBeUndefined();
    });

    it('keeps several topics in one document apart, whatever their order', async () => {
      await start();
      await log.append('t.right', [record('a', { n: 10 })]);
      await log.append('t.left', [record('a', { n: 1 }), record('a', { n: 2 }), record('a', {}, 'note')]);
      expect(await passed(totals, await log.head(['t.left', 't.right']))).toBe(true);
      expect(await total('a')).toEqual({ left: 3, right: 10 });
      expect(await passed(totals, await appendAll(log, 't.left', [record('a', {}, 'removed')]))).toBe(true);
      expect(await total('a')).toEqual({ left: undefined, right: 10 });
      expect(await passed(totals, await appendAll(log, 't.right', [record('a', {}, 'removed')]))).toBe(true);
      expect(await total('a')).toBeUndefined();
      expect(await passed(totals, await appendAll(log, 't.left', [record('a', { n: 7 })]))).toBe(true);
      expect(await total('a')).toEqual({ left: 7, right: undefined });
    });

    it('counts a record once if its write succeeded and its checkpoint did not, in other batches', async () => {
      const apply = views.store.apply.bind(views.store);
      let crashes = 0;
      views.store.apply = async (projection, build, ops: readonly ViewOp[], checkpoint) => {
        if (checkpoint !== undefined && ops.length > 0 && crashes < 3) {
          crashes++;
          await apply(projection, build, ops.slice(0, crashes)); // documents, some of them; the checkpoint is lost
          throw new Error('crash');
        }
        return apply(projection, build, ops, checkpoint);
      };
      const records = Array.from({ length: 12 }, (_, i) => record(`k${i % 3}`, { n: 1 }, 'added', 'one'));
      await log.append('t.left', records);
      const first = await start([totals], 5);
      await eventually(() => crashes >= 2);
      await stop(first);
      await start([totals], 3);
      expect(await passed(totals, await log.head(['t.left']))).toBe(true);
      expect(crashes).toBe(3);
      for (const id of ['k0', 'k1', 'k2']) expect(await total(id)).toEqual({ left: 4, right: undefined });
    });

    it('reads again what the group has committed and the store has lost', async () => {
      const first = await start([totals]);
      expect(await passed(totals, await appendAll(log, 't.left', [record('a', { n: 1 }), record('b', { n: 2 })]))).toBe(
        true,
      );
      await stop(first);
      await harness.close();
      harness = await open(); // an empty store behind the same log
      views = harness.views;
      await start([totals]);
      expect(await passed(totals, await log.head(['t.left']))).toBe(true);
      expect([await total('a'), await total('b')]).toEqual([
        { left: 1, right: undefined },
        { left: 2, right: undefined },
      ]);
    });

    it('goes on from its checkpoint after a restart', async () => {
      if (harness.reopen === undefined) return;
      const first = await start([totals]);
      expect(await passed(totals, await appendAll(log, 't.left', [record('a', { n: 1 })]))).toBe(true);
      await stop(first);
      await log.append('t.left', [record('a', { n: 2 })]);
      views = await harness.reopen();
      await start([totals]);
      expect(await passed(totals, await log.head(['t.left']))).toBe(true);
      expect(await total('a')).toEqual({ left: 3, right: undefined });
    });

    it.each(['poison', 'unwritable'])(
      'passes over a record at which its projection fails (%s), says so without naming the key, and goes on behind it',
      async (type) => {
        const lines: string[] = [];
        const set = new ProjectionSet({
          log,
          views,
          projections: [totals],
          logger: { info: () => {}, error: (details, message) => lines.push(JSON.stringify([details, message])) },
        });
        running.add(set);
        await set.start();
        const records = [
          record('member-4711', { n: 1 }, 'added', 'p'),
          record('member-4711', { n: 2 }, type, 'p'),
          record('member-4711', { n: 4 }, 'added', 'p'),
          record('b', { n: 8 }, 'added', 'p'),
        ];
        expect(await passed(totals, await appendAll(log, 't.left', records))).toBe(true);
        // `left` says what becomes of it; of `right` nothing is left that may be wrong.
        expect(await views.reader(totals).get('member-4711')).toMatchObject({ left: { sum: 5, failed: true } });
        expect(
          await passed(totals, await appendAll(log, 't.right', [record('b', { n: 1 }), record('b', { n: 2 }, type)])),
        ).toBe(true);
        expect(await views.reader(totals).get('b')).toEqual({ _id: 'b', left: { sum: 8, seen: 1 } });
        const [status] = await set.status();
        expect(status).toMatchObject({ documents: 2, passedOver: 2 });
        expect([status!.failure, set.failure()]).toEqual([undefined, undefined]);
        expect(lines.filter((line) => line.includes('the view passed over it'))).toHaveLength(2);
        expect(lines.join()).toMatch(/failed on t\.left\/\d at offset 1, key sha256:[0-9a-f]{12}/);
        expect(lines.join()).not.toContain('4711');
        // What a view does not show gets older, though the view is not behind.
        expect(await set.lag()).toEqual(
          ['t.left', 't.right'].map((topic) => ({
            view: 'test_totals_v1',
            topic,
            behind: 0,
            since: expect.any(Number) as number,
          })),
        );
        // No index finds the note.
        expect(
          (await collect(views.reader(totals).scan({ index: 'by_sum' }))).map(({ _id }) => _id).toSorted(),
        ).toEqual(['b', 'member-4711']);
      },
    );

    it(
      'passes over the same records when it starts again and when it is built anew, and over none once the ' +
        'projection can take them',
      async () => {
        const records = [
          record('a', { n: 1 }),
          record('a', { n: 2 }, 'poison'),
          record('b', { n: 4 }, 'unwritable'),
          record('a', { n: 8 }),
        ];
        const first = await start([totals]);
        expect(await passed(totals, await appendAll(log, 't.left', records))).toBe(true);
        await stop(first);
        const set = await start([totals]);
        expect((await set.status())[0]).toMatchObject({ passedOver: 2 });
        expect(await set.rebuild('totals', { graceMs: 0 })).toMatchObject({ equal: true });
        expect((await set.status())[0]).toMatchObject({ passedOver: 2 });
        poison.on = false;
        expect(await set.rebuild('totals', { graceMs: 0 })).toMatchObject({ equal: false });
        expect((await set.status())[0]!.passedOver).toBeUndefined();
        expect([await total('a'), await total('b')]).toEqual([
          { left: 11, right: undefined },
          { left: 4, right: undefined },
        ]);
        expect((await set.lag()).map(({ since }) => since)).toEqual([undefined, undefined]);
      },
    );

    it('stands still in front of a record that it cannot even pass over, and goes on when it can', async () => {
      poison.unpassable = true;
      const set = await start([totals]);
      await log.append('t.left', [
        record('member-4711', { n: 1 }, 'added', 'p'),
        record('member-4711', { n: 2 }, 'poison', 'p'),
        record('member-4711', { n: 4 }, 'added', 'p'),
      ]);
      await eventually(() => set.failure()?.includes('evolve failed') ?? false);
      expect(await total('member-4711')).toEqual({ left: 1, right: undefined });
      const [status] = await set.status();
      expect(status!.failure).toMatch(
        /test_totals_v1: evolve failed on t\.left\/\d at offset 1, key sha256:[0-9a-f]{12} \(TypeError\)/,
      );
      expect(status!.failure).not.toContain('4711');
      expect(await views.reader(totals).waitFor(await log.head(['t.left']), 20)).toBe(false);
      // Another partition of the same view goes on.
      const other = await partitionedApart(log, 't.left', 'p');
      await log.append('t.left', [record('b', { n: 5 }, 'added', other)]);
      await eventually(async () => (await total('b')) !== undefined);
      poison.on = false;
      expect(await passed(totals, await log.head(['t.left']))).toBe(true);
      expect(await total('member-4711')).toEqual({ left: 7, right: undefined });
      await expect.poll(() => set.failure()).toBeUndefined();
    });

    it('has what was in the log when its start resolves', async () => {
      await log.append(
        't.items',
        Array.from({ length: 500 }, (_, n) => record(`k${n}`, { n, group: 'g' })),
      );
      await start([items], 50);
      expect(await views.reader(items).count()).toBe(500);
    });

    it(
      'stands still in front of a type of one of our topics that a newer version wrote, and goes on when it knows ' +
        'it',
      async () => {
        const set = await start([versioned]);
        await log.append('pa.consent', [
          record('m1', {}, 'pa.opted-out.v1', 'p'),
          record('m2', {}, 'pa.opted-out.v2', 'p'),
          record('m3', {}, 'pa.opted-out.v1', 'p'),
        ]);
        await eventually(() => set.failure() !== undefined);
        expect(set.failure()).toMatch(/^test_versioned_v1: pa\.consent\/\d has pa\.opted-out\.v2 at offset 1, /);
        expect(set.failure()).toMatch(/, which this version does not know: a newer one wrote it$/);
        expect(await views.reader(versioned).getMany(['m1', 'm2', 'm3'])).toEqual([
          { _id: 'm1', consent: {} },
          undefined,
          undefined,
        ]);
        // A start says it too, instead of waiting for what cannot come.
        await stop(set);
        expect((await start([versioned])).failure()).toMatch(/pa\.opted-out\.v2/);
      },
    );

    it('takes nothing from a log that ends before what it has read, until its view is built anew', async () => {
      const first = await start([totals]);
      expect(await passed(totals, await appendAll(log, 't.left', [record('a', { n: 1 }), record('a', { n: 2 })]))).toBe(
        true,
      );
      await stop(first);
      await log.close();
      log = openMemoryLog({ partitions: 3 });
      await log.append('t.left', [record('a', { n: 4 })]);
      await expect(start([totals])).rejects.toThrow(
        /^test_totals_v1 has read t\.left\/\d up to 2, and the log ends at 1: an older copy of the log was restored/,
      );
      expect(await total('a')).toEqual({ left: 3, right: undefined });
    });

    it('knows positions of inbound topics through progress, once what was derived is passed', async () => {
      await start([totals]);
      const reader = views.reader(totals);
      expect(await reader.waitFor({ 'in.events': [1] }, 5)).toBe(false);
      expect(await reader.waitFor({ 'in.events': [0, 0] }, 5)).toBe(true);
      // Progress arrives on one partition while its output on another topic is not there yet.
      await log.append('t.left', [
        progress('d1', 'in.events', 0, 4, { 't.right': { 0: 1 }, 't.elsewhere': { 0: 99 } }),
      ]);
      expect(await passed(totals, await log.head(['t.left']))).toBe(true);
      expect(await reader.waitFor({ 'in.events': [4] }, 5)).toBe(false);
      expect((await reader.position()).derived).toEqual({ d1: { 'in.events': [0] } });
      const key = await keyOfPartition(log, 't.right', 0);
      await log.append('t.right', [record('a', { n: 1 }, 'added', key)]);
      expect(await reader.waitFor({ 'in.events': [4] }, 60_000)).toBe(true);
      expect(await reader.waitFor({ 'in.events': [4] }, 5, ['d2'])).toBe(false);
      expect(await reader.waitFor({ 'in.events': [5] }, 5)).toBe(false);
      // A second deriver of the same topic counts from when it is heard of.
      await log.append('t.left', [progress('d2', 'in.events', 0, 2), progress('d1', 'in.events', 0, 6)]);
      expect(await passed(totals, await log.head(['t.left']))).toBe(true);
      expect(await reader.waitFor({ 'in.events': [6] }, 5)).toBe(false);
      expect(await reader.waitFor({ 'in.events': [2] }, 5, ['d2'])).toBe(true);
    });

    it('wakes who waits as soon as the view has passed, and gives up after the timeout', async () => {
      await start([items]);
      const reader = views.reader(items);
      const [partition] = await log.append('t.items', [record('warm', { n: 0, group: 'g' })]);
      const target = {
        't.items': Array.from({ length: partition!.partition + 1 }, (_, p) =>
          p === partition!.partition ? partition!.offset + 2 : 0,
        ),
      };
      const waiting = reader.waitFor(target, 60_000);
      expect(await reader.waitFor(target, 5)).toBe(false);
      await log.append('t.items', [record('warm', { n: 1, group: 'g' })]);
      expect(await waiting).toBe(true);
      expect((await reader.get('warm'))!['item']).toMatchObject({ n: 1 });
    });

    it('rebuilds beside the live view while both are written and read, and readers notice nothing', async () => {
      const set = await start([items, totals], 20);
      const add = (from: number, to: number): NewRecord[] =>
        Array.from({ length: to - from }, (_, i) => record(`k${(from + i) % 17}`, { n: 1 }));
      await log.append('t.left', add(0, 200));
      expect(await passed(totals, await log.head(['t.left']))).toBe(true);
      let busy = true;
      let missing = 0;
      let sum = 0;
      const reading = (async () => {
        while (busy) {
          const now = (await views.reader(totals).getMany(Array.from({ length: 17 }, (_, i) => `k${i}`))).reduce(
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
          await log.append('t.left', add(i, i + 5));
          // Write about as fast as the projection reads.
          if (i % 20 === 0) await views.reader(totals).waitFor(await log.head(['t.left']), 60_000);
        }
      })();
      const result = await set.rebuild('totals', { graceMs: 0 });
      busy = false;
      await Promise.all([reading, writing]);
      expect(result).toMatchObject({ view: 'test_totals_v1', build: 2, equal: true });
      expect(result.live).toEqual(result.rebuilt);
      expect(result.live!.count).toBe(17);
      expect(missing).toBe(0);
      await result.dropped;
      const head = await log.head(['t.left']);
      expect(await passed(totals, head)).toBe(true);
      const documents = await views.reader(totals).find({ index: 'by_sum', limit: 100 });
      expect(documents.reduce((s, d) => s + (d['left'] as { sum: number }).sum, 0)).toBe(
        head['t.left']!.reduce((a, b) => a + b, 0),
      );
      expect((await set.status()).find((s) => s.view === 'test_totals_v1')).toMatchObject({
        version: 2,
        documents: 17,
      });
      expect(await views.store.builds(totals)).toEqual({ live: 2 });
    });

    it('reports a live view that differs from the log, and the log wins', async () => {
      const set = await start([totals]);
      expect(await passed(totals, await appendAll(log, 't.left', [record('a', { n: 1 }, 'added', 'p')]))).toBe(true);
      await views.store.apply(totals, 'live', [
        { id: 'a', part: 'left', partition: 9, offset: 0, value: { sum: 999, seen: 1 } },
      ]);
      const result = await set.rebuild('test_totals_v1', { graceMs: 0 });
      expect(result.equal).toBe(false);
      expect(await total('a')).toEqual({ left: 1, right: undefined });
      await expect(set.rebuild('nobody')).rejects.toThrow(RangeError);
    });

    it('goes on with what a crash left half-built, or gives it up', async () => {
      await log.append('t.left', [record('a', { n: 1 }, 'added', 'p'), record('a', { n: 2 }, 'added', 'p')]);
      const set = await start([totals]);
      expect(await passed(totals, await log.head(['t.left']))).toBe(true);
      await stop(set);
      const build = await views.store.startBuild(totals);
      const partition = (await log.head(['t.left']))['t.left']!.findIndex((next) => next > 0);
      await views.store.apply(
        totals,
        build,
        [{ id: 'a', part: 'left', partition, offset: 0, value: { sum: 1, seen: 1 }, base: {} }],
        { topic: 't.left', partition, next: 1, progress: [] },
        0,
      );
      if (harness.reopen !== undefined) views = await harness.reopen();
      const again = await start([totals]);
      expect(await views.store.builds(totals)).toEqual({ live: 1, building: build });
      expect((await again.status())[0]!.rebuilding).toMatchObject({ version: build });
      expect(await again.rebuild('totals', { graceMs: 0 })).toMatchObject({ build, equal: true });
      expect(await total('a')).toEqual({ left: 3, right: undefined });
      const next = await views.store.startBuild(totals);
      expect(await again.abandon('totals')).toBe(true);
      expect(await again.abandon('totals')).toBe(false);
      expect((await views.store.builds(totals))!.live).toBe(build);
      expect(await views.store.startBuild(totals)).toBeGreaterThan(next);
    });

    it('rolls back to the kept build, which has caught up by then, and forward again', async () => {
      const set = await start([totals]);
      expect(await passed(totals, await appendAll(log, 't.left', [record('a', { n: 1 })]))).toBe(true);
      await expect(set.rollback('totals')).rejects.toThrow(/no previous build/);
      expect(await set.rebuild('totals', { graceMs: 60_000 })).toMatchObject({ build: 2, equal: true });
      expect(await passed(totals, await appendAll(log, 't.left', [record('a', { n: 2 }), record('b', { n: 5 })]))).toBe(
        true,
      );
      expect((await set.status())[0]).toMatchObject({ version: 2, previous: 1 });
      expect(await set.rollback('totals', { graceMs: 60_000 })).toMatchObject({ build: 1 });
      expect([await total('a'), await total('b')]).toEqual([
        { left: 3, right: undefined },
        { left: 5, right: undefined },
      ]);
      expect(await passed(totals, await appendAll(log, 't.left', [record('a', { n: 4 })]))).toBe(true);
      expect((await set.rollback('totals', { graceMs: 0 })).build).toBe(2);
      expect(await total('a')).toEqual({ left: 7, right: undefined });
      await expect(set.rollback('nobody')).rejects.toThrow(RangeError);
    });

    it('says how far it is behind, over all partitions', async () => {
      poison.unpassable = true;
      const set = await start([totals]);
      await log.append('t.left', [
        record('x', {}, 'poison', 'p'),
        record('x', {}, 'added', 'p'),
        record('x', {}, 'added', 'p'),
      ]);
      await eventually(() => set.failure()?.includes('evolve failed') ?? false);
      expect(await set.lag()).toEqual([
        { view: 'test_totals_v1', topic: 't.left', behind: 3, since: expect.any(Number) },
        { view: 'test_totals_v1', topic: 't.right', behind: 0 },
      ]);
      poison.on = false;
      expect(await passed(totals, await log.head(['t.left']))).toBe(true);
      expect((await set.lag()).map((l) => l.behind)).toEqual([0, 0]);
    });

    it('leaves the live view alone when the rebuild meets a record that it cannot pass over', async () => {
      poison.on = false;
      const set = await start([totals]);
      expect(await passed(totals, await appendAll(log, 't.left', [record('a', { n: 1 }, 'poison')]))).toBe(true);
      Object.assign(poison, { on: true, unpassable: true });
      await expect(set.rebuild('totals')).rejects.toThrow(/evolve failed/);
      expect(await views.store.builds(totals)).toEqual({ live: 1 });
      expect(await total('a')).toEqual({ left: 1, right: undefined });
      expect(set.failure()).toBeUndefined();
    });
  });
}

/** A partition key that lands in the partition. */
async function keyOfPartition(log: EventLog, topic: string, partition: number): Promise<string> {
  for (let i = 0; ; i++) {
    const [placed] = await log.append(`probe.${topic}`, [record(`key${i}`, {})]);
    if (placed!.partition === partition) return `key${i}`;
  }
}

/** A partition key that lands in another partition than the given one. */
async function partitionedApart(log: EventLog, topic: string, key: string): Promise<string> {
  const [mine] = await log.append(`probe.${topic}`, [record(key, {})]);
  for (let i = 0; ; i++) {
    const [placed] = await log.append(`probe.${topic}`, [record(`key${i}`, {})]);
    if (placed!.partition !== mine!.partition) return `key${i}`;
  }
}
