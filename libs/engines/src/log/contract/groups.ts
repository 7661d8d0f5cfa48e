import { textOf } from '@provider-access/events';
import { eventually } from '@provider-access/testing';
import { describe, expect, it } from 'vitest';
import { type Batch, EngineUnavailable, type EventLog, type SubscribeOptions, type Subscription } from '../port.ts';
import { type LogHarness, record, records, sum, texts } from './support.ts';

export function groupContract(log: () => EventLog, reopen: () => Promise<EventLog>, harness: () => LogHarness): void {
  const committed = async (group: string, topic: string): Promise<number> =>
    sum((await log().committed(group, [topic]))[topic]);

  const subscribe = (more: Partial<SubscribeOptions>, handle: SubscribeOptions['handle']): Promise<Subscription> =>
    log().subscribe({ group: 'g', topics: ['t'], handle, ...more });

  describe('subscribe', () => {
    it('delivers every record in the order of its partition key, and waits for the handler', async () => {
      await log().append('t', records(300));
      const byMember = new Map<string, number[]>();
      const inFlight = new Set<number>();
      const subscription = await subscribe({ maxRecords: 10 }, async (batch) => {
        expect(inFlight.has(batch.partition)).toBe(false);
        expect(batch.records.length).toBeLessThanOrEqual(10);
        expect(batch.owned?.() ?? true).toBe(true);
        inFlight.add(batch.partition);
        await new Promise((resolve) => setImmediate(resolve));
        for (const r of batch.records) byMember.set(r.key, [...(byMember.get(r.key) ?? []), Number(textOf(r))]);
        inFlight.delete(batch.partition);
      });
      await log().append('t', records(100, 16, 300));
      await eventually(() => [...byMember.values()].flat().length >= 400);
      expect([...byMember.values()].flat()).toHaveLength(400);
      for (const seen of byMember.values()) expect(seen).toEqual([...seen].sort((a, b) => a - b));
      expect(subscription.position()).toEqual(await log().head(['t']));
      expect(subscription.failure()).toBeUndefined();
      await subscription.stop();
    });

    it('delivers the headers object of an append, if it says so', async () => {
      const given = records(3, 1);
      await log().append('t', given);
      const delivered: unknown[] = [];
      const subscription = await subscribe({}, async (batch) => {
        delivered.push(...batch.records.map(({ headers }) => headers));
      });
      await eventually(() => delivered.length === given.length);
      await subscription.stop();
      const isSame = delivered.every((headers) => given.some((one) => one.headers === headers));
      expect(isSame).toBe(log().handsOnHeaders === true);
    });

    it('commits what a group that commits seldom has handled, in time and at its stop', async () => {
      await log().append('t', records(40));
      let handled = 0;
      const count: SubscribeOptions['handle'] = async (batch) => void (handled += batch.records.length);
      const first = await subscribe({ maxRecords: 5, commitMs: 300 }, count);
      await eventually(async () => expect(await committed('g', 't')).toBe(40));
      await first.stop();
      const second = await subscribe({ maxRecords: 5, commitMs: 600_000 }, count);
      await log().append('t', records(20, 16, 40));
      await eventually(() => handled === 60);
      await second.stop();
      expect(await committed('g', 't')).toBe(60);
      const third = await subscribe({ commitMs: 600_000 }, count);
      await log().append('t', records(1, 1, 60));
      await eventually(() => handled > 60);
      expect(handled).toBe(61);
      await third.stop();
    });

    it('starts a new group at the given position, and an old one at its commit', async () => {
      await log().append('t', records(4, 1));
      const at = await log().head(['t']);
      await log().append('t', records(4, 1, 4));
      const seen: Record<string, string[]> = { early: [], late: [] };
      const join = (group: string, from?: typeof at): Promise<Subscription> =>
        log().subscribe({
          group,
          topics: ['t'],
          from,
          handle: async (batch) => void seen[group]!.push(...texts(batch)),
        });
      const early = await join('early');
      const late = await join('late', at);
      await eventually(async () => (await committed('late', 't')) === 8);
      await late.stop();
      await log().append('t', records(2, 1, 8));
      // The group has committed, so it does not start at the position again.
      const again = await join('late', { t: [] });
      await eventually(() => seen['early']!.length >= 10 && seen['late']!.length >= 6);
      expect(seen['early']!.map(Number)).toEqual([0, 1, 2, 3, 4, 5, 6, 7, 8, 9]);
      expect(seen['late']!.map(Number)).toEqual([4, 5, 6, 7, 8, 9]);
      await early.stop();
      await again.stop();
    });

    it('continues each group after its last commit when it is opened again', async () => {
      await log().append('t', records(50));
      let seen = 0;
      const handle = async (batch: Batch): Promise<void> => void (seen += batch.records.length);
      await subscribe({}, handle);
      await eventually(async () => (await committed('g', 't')) === 50);
      await reopen();
      expect(await committed('g', 't')).toBe(50);
      expect(await committed('other', 't')).toBe(0);
      await log().append('t', records(7));
      await subscribe({}, handle);
      await eventually(() => seen >= 57);
      expect(seen).toBe(57);
    });

    it('delivers a batch again after a failure, reports the failure, and commits nothing', async () => {
      await log().append('t', records(6, 1));
      const attempts: string[] = [];
      let healthy = false;
      const subscription = await subscribe({ maxRecords: 3 }, async (batch) => {
        attempts.push(texts(batch).join());
        if (!healthy) throw new Error('choked on member 4711');
      });
      await eventually(() => attempts.length >= 3 && subscription.failure() !== undefined);
      expect(new Set(attempts)).toEqual(new Set(['0,1,2']));
      expect(subscription.failure()).not.toContain('4711');
      expect(await committed('g', 't')).toBe(0);
      healthy = true;
      await eventually(async () => (await committed('g', 't')) === 6);
      expect(attempts.at(-1)).toBe('3,4,5');
      expect(subscription.failure()).toBeUndefined();
      await subscription.stop();
    });

    it('lets other partitions and groups continue beside a record that always fails, and skips nothing', async () => {
      await log().append(
        't',
        [0, 1, 2, 3].flatMap((partition) => ['a', 'b', 'c'].map((v) => record('m', `${partition}${v}`, { partition }))),
      );
      const seen: string[] = [];
      let poisoned = true;
      let attempts = 0;
      const one = await log().subscribe({
        group: 'one',
        topics: ['t'],
        maxRecords: 1,
        handle: async (batch) => {
          if (poisoned && texts(batch).includes('1b')) {
            attempts++;
            throw new Error('poison');
          }
          seen.push(...texts(batch));
        },
      });
      let others = 0;
      const two = await log().subscribe({
        group: 'two',
        topics: ['t'],
        handle: async (batch) => void (others += batch.records.length),
      });
      await eventually(() => seen.length === 10 && others === 12 && attempts > 2);
      expect([...seen].sort()).toEqual(['0a', '0b', '0c', '1a', '2a', '2b', '2c', '3a', '3b', '3c']);
      poisoned = false;
      await eventually(() => seen.length >= 12);
      expect(seen.slice(10)).toEqual(['1b', '1c']);
      await Promise.all([one.stop(), two.stop()]);
    });

    it('waits in stop for the handler in flight, and commits it', async () => {
      await log().append('t', records(2, 1));
      let finish!: () => void;
      const began = new Promise<void>((resolve) => {
        void log()
          .subscribe({
            group: 'g',
            topics: ['t'],
            maxRecords: 1,
            handle: async () => (resolve(), new Promise<void>((done) => (finish = done))),
          })
          .then((s) => (subscription = s));
      });
      let subscription: Subscription | undefined;
      await began;
      await eventually(() => subscription !== undefined);
      let stopped = false;
      const stopping = subscription!.stop().then(() => (stopped = true));
      await new Promise((resolve) => setImmediate(resolve));
      expect(stopped).toBe(false);
      finish();
      await stopping;
      expect(await committed('g', 't')).toBe(1);
    });

    it('lets a batch linger for more records, skips nothing, and never delays a stop', async () => {
      let seen = 0;
      const lingering = (lingerMs: number): Promise<Subscription> =>
        subscribe({ lingerMs }, async (batch) => void (seen += batch.records.length));
      const patient = await lingering(60_000);
      await log().append('t', records(5));
      await patient.stop();
      expect([seen, await committed('g', 't')]).toEqual([0, 0]);
      const brief = await lingering(1);
      await log().append('t', records(5, 16, 5));
      await eventually(() => seen >= 10);
      await brief.stop();
      expect([seen, await committed('g', 't')]).toEqual([10, 10]);
    });

    it('delivers a batch that is full at once, and lets only the last one linger', async () => {
      let seen = 0;
      const subscription = await subscribe({ lingerMs: 60_000, maxRecords: 5 }, async (batch) => {
        seen += batch.records.length;
      });
      await log().append('t', records(12, 1));
      await eventually(() => seen >= 10);
      await subscription.stop();
      expect(await committed('g', 't')).toBe(seen);
    });

    it('pauses while the engine is away and skips nothing when it is back', async () => {
      await log().append('t', records(20));
      const seen = new Set<string>();
      let away: 'not yet' | 'now' | 'no more' = 'not yet';
      const subscription = await subscribe({ maxRecords: 2 }, async (batch) => {
        if (away === 'not yet' && seen.size >= 6) {
          away = 'now';
          await harness().away(true);
        }
        // The handler fails for as long as the engine is unavailable, because a busy machine may miss a single
        // failure.
        if (away === 'now') throw new EngineUnavailable('the store is away');
        for (const t of texts(batch)) seen.add(t);
      });
      await eventually(() => subscription.failure() !== undefined);
      await expect(log().append('t', records(1))).rejects.toThrow(EngineUnavailable);
      await harness().away(false);
      away = 'no more';
      await log().append('t', records(20, 16, 20));
      await eventually(() => Array.from({ length: 40 }, (_, i) => String(i)).every((t) => seen.has(t)));
      await eventually(async () => (await committed('g', 't')) === sum((await log().head(['t']))['t']));
      await subscription.stop();
    });
  });

  describe('consumers of one group', () => {
    it('share the partitions, report them before a batch, and lose nothing when one joins or leaves', async () => {
      const seen: { consumer: string; value: string }[] = [];
      const owns = { one: new Set<number>(), two: new Set<number>() };
      const join = (consumer: 'one' | 'two'): Promise<Subscription> =>
        log().subscribe({
          group: 'g',
          topics: ['t'],
          maxRecords: 5,
          assigned: async (partitions) => {
            await new Promise((resolve) => setImmediate(resolve));
            for (const { partition } of partitions) owns[consumer].add(partition);
          },
          handle: async (batch) => {
            expect(owns[consumer].has(batch.partition)).toBe(true);
            await new Promise((resolve) => setImmediate(resolve));
            for (const value of texts(batch)) seen.push({ consumer, value });
          },
        });
      await log().append('t', records(200));
      const one = await join('one');
      await eventually(() => seen.length >= 20);
      const two = await join('two');
      // A consumer joins before it owns partitions.
      await eventually(() => owns.two.size > 0);
      // The first consumer can handle everything before the second one owns a partition. So records keep coming until
      // the second one does.
      let sent = 200;
      await eventually(async () => {
        await log().append('t', records(20, 16, sent));
        sent += 20;
        return seen.some((s) => s.consumer === 'two');
      });
      await eventually(() => new Set(seen.map((s) => s.value)).size === sent);
      await one.stop();
      await log().append('t', records(100, 16, sent));
      sent += 100;
      await eventually(() => new Set(seen.map((s) => s.value)).size === sent);
      await eventually(async () => (await committed('g', 't')) === sent);
      expect(owns.one.size).toBe(4);
      expect(owns.two.size).toBe(4);
      // In one process a rebalance waits for running handlers, but the port only guarantees delivery at least once.
      expect(seen.length).toBeGreaterThanOrEqual(sent);
      await two.stop();
    });

    it('get no record while `assigned` fails, and all records once it works', async () => {
      await log().append('t', records(8));
      let failures = 0;
      let seen = 0;
      const subscription = await log().subscribe({
        group: 'g',
        topics: ['t'],
        assigned: () => {
          if (failures++ < 2) throw new EngineUnavailable('the view is behind');
          expect(seen).toBe(0);
        },
        handle: async (batch) => void (seen += batch.records.length),
      });
      await eventually(() => seen === 8);
      expect(failures).toBe(3);
      expect(subscription.failure()).toBeUndefined();
      await subscription.stop();
    });
  });
}
