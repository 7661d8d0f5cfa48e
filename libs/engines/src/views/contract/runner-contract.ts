import { describe, expect, it } from 'vitest';
import type { EventLog } from '../../log/index.ts';
import { openMemoryLog } from '../../log/memory/index.ts';
import { eventually } from '@provider-access/testing';
import type { Projection } from '../projection.ts';
import { ProjectionSet } from '../projection-set.ts';
import type { ViewOp } from '../store.ts';
import { openedProjections } from './opened.ts';
import { type ViewsHarness, items, totals, poison, record, progress, collect } from './fixture.ts';

const versioned: Projection = {
  owner: 'test',
  name: 'versioned',
  version: 1,
  indexes: [],
  topics: { 'pa.consent': { part: 'consent', keys: ({ key }) => [key], evolve: () => ({}) } },
};

/** The contract of the runner, with the adapter's store and a log in memory. */
export function runnerContract(name: string, open: () => Promise<ViewsHarness>): void {
  describe(`${name}: projections`, () => {
    const { fresh, running, start, stop, total, passed, shown } = openedProjections(open);

    it('builds documents from records before and after its start', async () => {
      await fresh.log.append('t.items', [record('a', { n: 1, group: 'g' }), record('b', { n: 2, group: 'g' })]);
      await start();
      await shown(items, 't.items', record('a', { n: 3, group: 'g' }), record('b', {}, 'removed'));
      expect(await fresh.views.reader(items).get('a')).toEqual({ _id: 'a', item: { n: 3, group: 'g' } });
      expect(await fresh.views.reader(items).get('b')).toBeUndefined();
    });

    it('keeps up a view that the release before reads where that release has made it, and makes none', async () => {
      const [former, other] = [
        { ...items, name: 'former', former: true } as const,
        { ...totals, former: true } as const,
      ];
      await fresh.log.append('t.items', [record('a', { n: 1, group: 'g' })]);
      const set = await start([items, former, other]);
      const named = async (): Promise<readonly string[]> => (await set.status()).map(({ view }) => view);
      expect(await named()).toEqual(['test_items_v1']);
      expect(await fresh.views.store.builds(former, true)).toBeUndefined();
      await stop(set);
      const before = await start([{ ...former, former: false as never }]);
      await stop(before);
      await fresh.log.append('t.items', [record('b', { n: 2, group: 'g' })]);
      const again = await start([items, former, other]);
      expect((await again.status()).map(({ view }) => view)).toEqual(['test_items_v1', 'test_former_v1']);
      expect(await fresh.views.reader(former).getMany(['a', 'b'])).toMatchObject([{ _id: 'a' }, { _id: 'b' }]);
    });

    it('keeps the parts of several topics in one document apart, in any order', async () => {
      await start();
      await fresh.log.append('t.right', [record('a', { n: 10 })]);
      await fresh.log.append('t.left', [record('a', { n: 1 }), record('a', { n: 2 }), record('a', {}, 'note')]);
      await passed(totals, 't.left', 't.right');
      expect(await total('a')).toEqual({ left: 3, right: 10 });
      await shown(totals, 't.left', record('a', {}, 'removed'));
      expect(await total('a')).toEqual({ left: undefined, right: 10 });
      await shown(totals, 't.right', record('a', {}, 'removed'));
      expect(await total('a')).toBeUndefined();
      await shown(totals, 't.left', record('a', { n: 7 }));
      expect(await total('a')).toEqual({ left: 7, right: undefined });
    });

    it('counts each record of several partitions once, also in one document, beside an unwritable one', async () => {
      const numbers = Array.from({ length: 60 }, (_, i) => i);
      const [shared, own] = [(i: number) => record('shared', { n: 1 }, 'added', `p${i}`), (i: number) => `own-${i}`];
      for (const topic of ['t.left', 't.right']) {
        await fresh.log.append(
          topic,
          numbers.flatMap((i) => [shared(i), record(own(i), { n: i })]),
        );
      }
      await fresh.log.append('t.left', [record('bad', { n: 1 }), record('bad', {}, 'unwritable')]);
      const set = await start([totals], 25);
      await fresh.log.append('t.left', numbers.map(shared));
      await passed(totals, 't.left', 't.right');
      expect(await total('shared')).toEqual({ left: 120, right: 60 });
      for (const i of numbers) expect(await total(own(i))).toEqual({ left: i, right: i });
      const [status] = await set.status();
      expect(status).toMatchObject({ passedOver: 1, documents: 62 });
    });

    it('counts a record once if its write succeeded and its checkpoint did not, in other batches', async () => {
      const apply = fresh.views.store.apply.bind(fresh.views.store);
      let crashes = 0;
      fresh.views.store.apply = async (projection, build, ops: readonly ViewOp[], checkpoint) => {
        if (checkpoint !== undefined && ops.length > 0 && crashes < 3) {
          crashes++;
          await apply(projection, build, ops.slice(0, crashes)); // documents, some of them; the checkpoint is lost
          throw new Error('crash');
        }
        return apply(projection, build, ops, checkpoint);
      };
      const records = Array.from({ length: 12 }, (_, i) => record(`k${i % 3}`, { n: 1 }, 'added', 'one'));
      await fresh.log.append('t.left', records);
      const first = await start([totals], 5);
      await eventually(() => crashes >= 2);
      await stop(first);
      await start([totals], 3);
      await passed(totals, 't.left');
      expect(crashes).toBe(3);
      for (const id of ['k0', 'k1', 'k2']) expect(await total(id)).toEqual({ left: 4, right: undefined });
    });

    it('reads records again that the group has committed and the store has lost', async () => {
      const first = await start([totals]);
      await shown(totals, 't.left', record('a', { n: 1 }), record('b', { n: 2 }));
      await stop(first);
      await fresh.harness.close();
      fresh.harness = await open(); // an empty store behind the same log
      fresh.views = fresh.harness.views;
      await start([totals]);
      await passed(totals, 't.left');
      expect([await total('a'), await total('b')]).toEqual([
        { left: 1, right: undefined },
        { left: 2, right: undefined },
      ]);
    });

    it('continues from its checkpoint after a restart', async () => {
      if (fresh.harness.reopen === undefined) return;
      const first = await start([totals]);
      await shown(totals, 't.left', record('a', { n: 1 }));
      await stop(first);
      await fresh.log.append('t.left', [record('a', { n: 2 })]);
      fresh.views = await fresh.harness.reopen();
      await start([totals]);
      await passed(totals, 't.left');
      expect(await total('a')).toEqual({ left: 3, right: undefined });
    });

    it.each(['poison', 'unwritable'])(
      'passes over a record at which its projection fails (%s), logs it without the key, and continues',
      async (type) => {
        const lines: string[] = [];
        const set = new ProjectionSet({
          log: fresh.log,
          views: fresh.views,
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
        await shown(totals, 't.left', ...records);
        // `left` defines `failed`; `right` does not, so its part is removed.
        expect(await fresh.views.reader(totals).get('member-4711')).toMatchObject({ left: { sum: 5, failed: true } });
        await shown(totals, 't.right', record('b', { n: 1 }), record('b', { n: 2 }, type));
        expect(await fresh.views.reader(totals).get('b')).toEqual({ _id: 'b', left: { sum: 8, seen: 1 } });
        const [status] = await set.status();
        expect(status).toMatchObject({ documents: 2, passedOver: 2 });
        expect([status!.failure, set.failure()]).toEqual([undefined, undefined]);
        expect(lines.filter((line) => line.includes('the view passed over it'))).toHaveLength(2);
        expect(lines.join()).toMatch(/failed on t\.left\/\d at offset 1, key sha256:[0-9a-f]{12}/);
        expect(lines.join()).not.toContain('4711');
        // The age of a passed-over record grows, although the view has no lag in records.
        expect(await set.lag()).toEqual(
          ['t.left', 't.right'].map((topic) => ({
            view: 'test_totals_v1',
            topic,
            behind: 0,
            since: expect.any(Number) as number,
          })),
        );
        // No index finds the document of passed-over records.
        expect(
          (await collect(fresh.views.reader(totals).scan({ index: 'by_sum' }))).map(({ _id }) => _id).toSorted(),
        ).toEqual(['b', 'member-4711']);
      },
    );

    it(
      'passes over the same records after a restart and in a rebuild, and over none once the projection ' +
        'can handle them',
      async () => {
        const records = [
          record('a', { n: 1 }),
          record('a', { n: 2 }, 'poison'),
          record('b', { n: 4 }, 'unwritable'),
          record('a', { n: 8 }),
        ];
        const first = await start([totals]);
        await shown(totals, 't.left', ...records);
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

    it('stops at a record that it cannot even pass over, and continues when it can', async () => {
      poison.unpassable = true;
      const set = await start([totals]);
      await fresh.log.append('t.left', [
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
      expect(await fresh.views.reader(totals).waitFor(await fresh.log.head(['t.left']), 20)).toBe(false);
      // Another partition of the same view continues.
      const other = await partitionedApart(fresh.log, 't.left', 'p');
      await fresh.log.append('t.left', [record('b', { n: 5 }, 'added', other)]);
      await eventually(async () => (await total('b')) !== undefined);
      poison.on = false;
      await passed(totals, 't.left');
      expect(await total('member-4711')).toEqual({ left: 7, right: undefined });
      await expect.poll(() => set.failure()).toBeUndefined();
    });

    it('has all records of the log when its start resolves', async () => {
      await fresh.log.append(
        't.items',
        Array.from({ length: 500 }, (_, n) => record(`k${n}`, { n, group: 'g' })),
      );
      await start([items], 50);
      expect(await fresh.views.store.count(items)).toBe(500);
    });

    it('stops at a type of one of our topics that a newer version wrote, and continues when it knows it', async () => {
      const set = await start([versioned]);
      await fresh.log.append('pa.consent', [
        record('m1', {}, 'pa.opted-out.v1', 'p'),
        record('m2', {}, 'pa.opted-out.v2', 'p'),
        record('m3', {}, 'pa.opted-out.v1', 'p'),
      ]);
      await eventually(() => set.failure() !== undefined);
      expect(set.failure()).toMatch(/^test_versioned_v1: pa\.consent\/\d has pa\.opted-out\.v2 at offset 1, /);
      expect(set.failure()).toMatch(/, which this version does not know: a newer one wrote it$/);
      expect(await fresh.views.reader(versioned).getMany(['m1', 'm2', 'm3'])).toEqual([
        { _id: 'm1', consent: {} },
        undefined,
        undefined,
      ]);
      // A start also reports it, instead of waiting for ever.
      await stop(set);
      expect((await start([versioned])).failure()).toMatch(/pa\.opted-out\.v2/);
    });

    it('reads nothing from a log that ends before its position, until its view is rebuilt', async () => {
      const first = await start([totals]);
      await shown(totals, 't.left', record('a', { n: 1 }), record('a', { n: 2 }));
      await stop(first);
      await fresh.log.close();
      fresh.log = openMemoryLog({ partitions: 3 });
      await fresh.log.append('t.left', [record('a', { n: 4 })]);
      await expect(start([totals])).rejects.toThrow(
        /^test_totals_v1 has read t\.left\/\d up to 2, and the log ends at 1: an older copy of the log was restored/,
      );
      expect(await total('a')).toEqual({ left: 3, right: undefined });
    });

    it('knows positions of inbound topics from progress, once it has read the derived records', async () => {
      await start([totals]);
      const reader = fresh.views.reader(totals);
      expect(await reader.waitFor({ 'in.events': [1] }, 5)).toBe(false);
      expect(await reader.waitFor({ 'in.events': [0, 0] }, 5)).toBe(true);
      // The progress record arrives before its output in another topic.
      await fresh.log.append('t.left', [
        progress('d1', 'in.events', 0, 4, { 't.right': { 0: 1 }, 't.elsewhere': { 0: 99 } }),
      ]);
      await passed(totals, 't.left');
      expect(await reader.waitFor({ 'in.events': [4] }, 5)).toBe(false);
      expect((await reader.position()).derived).toEqual({ d1: { 'in.events': [0] } });
      const key = await keyOfPartition(fresh.log, 't.right', 0);
      await fresh.log.append('t.right', [record('a', { n: 1 }, 'added', key)]);
      expect(await reader.waitFor({ 'in.events': [4] }, 60_000)).toBe(true);
      expect(await reader.waitFor({ 'in.events': [4] }, 5, ['d2'])).toBe(false);
      expect(await reader.waitFor({ 'in.events': [5] }, 5)).toBe(false);
      // A second deriver of the same topic counts from its first progress record on.
      await fresh.log.append('t.left', [progress('d2', 'in.events', 0, 2), progress('d1', 'in.events', 0, 6)]);
      await passed(totals, 't.left');
      expect(await reader.waitFor({ 'in.events': [6] }, 5)).toBe(false);
      expect(await reader.waitFor({ 'in.events': [2] }, 5, ['d2'])).toBe(true);
    });

    it('resolves a wait as soon as the view has passed, and ends it after the timeout', async () => {
      await start([items]);
      const reader = fresh.views.reader(items);
      const [partition] = await fresh.log.append('t.items', [record('warm', { n: 0, group: 'g' })]);
      const target = {
        't.items': Array.from({ length: partition!.partition + 1 }, (_, p) =>
          p === partition!.partition ? partition!.offset + 2 : 0,
        ),
      };
      const waiting = reader.waitFor(target, 60_000);
      expect(await reader.waitFor(target, 5)).toBe(false);
      await fresh.log.append('t.items', [record('warm', { n: 1, group: 'g' })]);
      expect(await waiting).toBe(true);
      expect((await reader.get('warm'))!['item']).toMatchObject({ n: 1 });
    });

    it('reports its lag over all partitions', async () => {
      poison.unpassable = true;
      const set = await start([totals]);
      await fresh.log.append('t.left', [
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
      await passed(totals, 't.left');
      expect((await set.lag()).map((l) => l.behind)).toEqual([0, 0]);
    });
  });
}

/** A partition key of the partition. */
async function keyOfPartition(log: EventLog, topic: string, partition: number): Promise<string> {
  for (let i = 0; ; i++) {
    const [placed] = await log.append(`probe.${topic}`, [record(`key${i}`, {})]);
    if (placed!.partition === partition) return `key${i}`;
  }
}

/** A partition key of another partition than that of `key`. */
async function partitionedApart(log: EventLog, topic: string, key: string): Promise<string> {
  const [mine] = await log.append(`probe.${topic}`, [record(key, {})]);
  for (let i = 0; ; i++) {
    const [placed] = await log.append(`probe.${topic}`, [record(`key${i}`, {})]);
    if (placed!.partition !== mine!.partition) return `key${i}`;
  }
}
