import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import type { EventLog, LogRecord } from '@provider-access/eventlog';
import { openMemoryLog } from '@provider-access/eventlog/memory';
import type { State, StreamEvent } from '../port.ts';
import { StreamReader } from '../stream-reader.ts';

export interface StateOptions { readonly log?: EventLog; readonly now: () => number }

/** What an adapter brings: opening the same data again (after closing) is part of it unless nothing survives. */
export interface StateHarness {
  open(options: StateOptions): Promise<State>;
  readonly durable: boolean;
  close(): Promise<void>;
}

const event = (n: number, topic = 't.decided'): StreamEvent => ({ topic, record: { key: `k${n}`, partitionKey: 'one', headers: { ce_type: 'decided' }, value: JSON.stringify({ n }) } });

async function all(log: EventLog, topic: string): Promise<readonly LogRecord[]> {
  const found: LogRecord[] = [];
  for (let p = 0; p < (await log.partitions(topic)); p++) found.push(...(await log.read(topic, p, 0, 1000)));
  return found;
}
const versions = (records: readonly LogRecord[]): string[] => records.map((r) => `${r.headers['pa_stream']}@${r.headers['pa_version']}`);

/** What every adapter of the state port must do. */
export function stateContract(name: string, start: () => Promise<StateHarness>): void {
  describe(`${name}: state`, () => {
    let harness: StateHarness;
    let log: EventLog & { faults: { away: boolean; loseAnswers: number } };
    let state: State;
    let clock: number;
    const now = (): number => clock;
    const reopen = async (options: Partial<StateOptions> = { log }): Promise<void> => {
      await state.close();
      state = await harness.open({ now, ...options });
    };
    beforeEach(async () => {
      clock = 1_000_000;
      harness = await start();
      log = openMemoryLog({ partitions: 3 });
      state = await harness.open({ log, now });
    });
    afterEach(async () => {
      await state.close();
      await log.close();
      await harness.close();
    });

    describe('streams', () => {
      it('loads nothing of a stream that is not there, and its head afterwards', async () => {
        expect(await state.streams.load('app/1')).toBeUndefined();
        expect(await state.streams.append('app/1', 0, [event(1), event(2)], { status: 'new' })).toEqual({ ok: true, version: 2 });
        expect(await state.streams.load('app/1')).toEqual({ version: 2, snapshot: { status: 'new' } });
        expect(await state.streams.append('app/1', 2, [], { status: 'seen' })).toEqual({ ok: true, version: 3 });
      });

      it('lets exactly one of two deciders win, and publishes nothing of the other', async () => {
        const results = await Promise.all([1, 2, 3, 4, 5].map((n) => state.streams.append('app/1', 0, [event(n)], { n })));
        expect(results.filter((r) => r.ok)).toHaveLength(1);
        expect(results.filter((r) => !r.ok)).toEqual(Array.from({ length: 4 }, () => ({ ok: false, actual: 1 })));
        await state.streams.published('app/1', 1, 10_000);
        const records = await all(log, 't.decided');
        expect(records).toHaveLength(1);
        const winner = (await state.streams.load<{ n: number }>('app/1'))!.snapshot.n;
        expect(JSON.parse(Buffer.from(records[0]!.value).toString())).toEqual({ n: winner });
        expect(await state.streams.append('app/1', 7, [event(9)], {})).toEqual({ ok: false, actual: 1 });
      });

      it('publishes in the order decided, with stream and version, over several topics, and says where', async () => {
        await state.streams.append('app/1', 0, [event(1), event(2, 't.other'), event(3)], {});
        await state.streams.append('app/2', 0, [event(4)], {});
        const at = await state.streams.published('app/1', 3, 10_000);
        await state.streams.published('app/2', 1, 10_000);
        expect(versions(await all(log, 't.decided'))).toEqual(['app/1@1', 'app/1@3', 'app/2@1']);
        expect(versions(await all(log, 't.other'))).toEqual(['app/1@2']);
        const { partition, offset } = (await all(log, 't.decided'))[1]!;
        expect(at!['t.decided']![partition]).toBe(offset + 1);
        expect(Object.keys(at!).sort()).toEqual(['t.decided', 't.other']);
        expect((await all(log, 't.decided'))[0]).toMatchObject({ key: 'k1', headers: { ce_type: 'decided', pa_stream: 'app/1', pa_version: '1' } });
      });

      it('waits for the relay no longer than it may', async () => {
        log.faults.away = true;
        expect(await state.streams.append('app/1', 0, [event(1)], {})).toMatchObject({ ok: true });
        expect(await state.streams.published('app/1', 1, 20)).toBeUndefined();
        expect(await state.streams.published('app/unknown', 1, 1)).toBeUndefined();
        log.faults.away = false;
        expect(await state.streams.published('app/1', 1, 10_000)).toBeDefined();
        expect(await state.streams.published('app/1', 2, 1)).toBeUndefined();
      });

      it('publishes at the next opening what a crash left between head and append', async () => {
        if (!harness.durable) return;
        await reopen({}); // no log: the process ends before its relay gets to it
        await state.streams.append('app/1', 0, [event(1), event(2)], { n: 2 });
        await reopen();
        expect(await state.streams.published('app/1', 2, 10_000)).toBeDefined();
        expect(versions(await all(log, 't.decided'))).toEqual(['app/1@1', 'app/1@2']);
        expect(await state.streams.append('app/1', 1, [event(3)], {})).toEqual({ ok: false, actual: 2 });
      });

      it('publishes in the order decided over more streams than one look at the outbox shows', async () => {
        log.faults.away = true;
        for (let n = 0; n < 120; n++) await state.streams.append(`s/${n % 60}`, Math.floor(n / 60), [event(n)], { n });
        log.faults.away = false;
        for (let n = 0; n < 60; n++) expect(await state.streams.published(`s/${n}`, 2, 10_000)).toBeDefined();
        const records = await all(log, 't.decided');
        expect(records.map((r) => r.key)).toEqual(Array.from({ length: 120 }, (_, n) => `k${n}`));
      });

      it('keeps names, snapshots and values as they are', async () => {
        const snapshot = { 'a.b': 1, $set: [null, [], {}], text: 'é\u0000\u{1F9EC}\n', nested: { '': false } };
        for (const name of ['a.b/$c', 'é\n%', '']) {
          const value = Buffer.from([0, 255, 128, 10]);
          expect(await state.streams.append(name, 0, [{ topic: 't.decided', record: { key: '', partitionKey: name, headers: { 'a.b': '$', e: '' }, value } }], snapshot)).toMatchObject({ ok: true });
          expect((await state.streams.load(name))!.snapshot).toEqual(snapshot);
          await state.streams.published(name, 1, 10_000);
          const found = (await all(log, 't.decided')).find((r) => r.headers['pa_stream'] === name)!;
          expect(Buffer.from(found.value).equals(value)).toBe(true);
          expect(found.headers).toEqual({ 'a.b': '$', e: '', pa_stream: name, pa_version: '1' });
          expect(await state.claims.claim('names', name, `of ${name}`)).toBe(`of ${name}`);
          await state.work.put('names', [{ id: name, payload: snapshot }]);
          expect((await state.work.take('names', 'h', 100))!).toMatchObject({ id: name, payload: snapshot });
          await state.presence.announce('names', name, snapshot, 100);
        }
        expect(await state.claims.get('names', 'é\n%')).toBe('of é\n%');
        expect((await state.presence.list('names')).map((p) => p.data)).toEqual([snapshot, snapshot, snapshot]);
      });

      it('publishes again what it cannot know to be published, and a reader drops what it has', async () => {
        log.faults.loseAnswers = 1;
        await state.streams.append('app/1', 0, [event(1), event(2)], {});
        await state.streams.published('app/1', 2, 10_000);
        await state.streams.append('app/1', 2, [event(3)], {});
        await state.streams.published('app/1', 3, 10_000);
        const records = await all(log, 't.decided');
        expect(versions(records)).toEqual(['app/1@1', 'app/1@2', 'app/1@1', 'app/1@2', 'app/1@3']);
        const reader = new StreamReader();
        expect(records.map((r) => reader.isNew(r))).toEqual([true, true, false, false, true]);
        expect(reader.version('app/1')).toBe(3);
        expect(reader.isNew({ headers: {} })).toBe(true);
      });
    });

    describe('claims', () => {
      it('belong to the first, until released by it or expired', async () => {
        expect(await state.claims.claim('id', 'a', 'm1')).toBe('m1');
        expect(await state.claims.claim('id', 'a', 'm2')).toBe('m1');
        expect(await state.claims.claim('id', 'a', 'm1')).toBe('m1');
        expect(await state.claims.claim('other', 'a', 'm2')).toBe('m2');
        expect(await state.claims.release('id', 'a', 'm2')).toBe(false);
        expect(await state.claims.get('id', 'a')).toBe('m1');
        expect(await state.claims.release('id', 'a', 'm1')).toBe(true);
        expect(await state.claims.get('id', 'a')).toBeUndefined();
        expect(await state.claims.claim('id', 'a', 'm2', clock + 100)).toBe('m2');
        clock += 100;
        expect(await state.claims.get('id', 'a')).toBeUndefined();
        expect(await state.claims.claim('id', 'a', 'm3')).toBe('m3');
      });

      it('are decided together, the same key twice included', async () => {
        await state.claims.claim('id', 'b', 'm0');
        expect(await state.claims.claimMany('id', [{ key: 'a', owner: 'm1' }, { key: 'b', owner: 'm1' }, { key: 'a', owner: 'm2' }])).toEqual(['m1', 'm0', 'm1']);
        const raced = await Promise.all(['x', 'y', 'z'].map((owner) => state.claims.claim('id', 'c', owner)));
        expect(new Set(raced).size).toBe(1);
      });

      it('that end are taken over as a whole, and an owner may move its own end', async () => {
        const keys = Array.from({ length: 200 }, (_, i) => `k${i}`);
        const wanted = (owner: string, expiresAt?: number) => keys.map((key) => ({ key, owner, ...(expiresAt !== undefined && { expiresAt }) }));
        expect(await state.claims.claimMany('many', wanted('m1', clock + 100))).toEqual(keys.map(() => 'm1'));
        expect(await state.claims.claimMany('many', wanted('m2', clock + 500))).toEqual(keys.map(() => 'm1'));
        expect(await state.claims.claimMany('many', wanted('m1', clock + 200).slice(100))).toEqual(keys.slice(100).map(() => 'm1'));
        clock += 100;
        expect(await state.claims.claimMany('many', wanted('m3'))).toEqual([...keys.slice(100).map(() => 'm3'), ...keys.slice(100).map(() => 'm1')]);
        expect(await state.claims.claimMany('many', [])).toEqual([]);
        clock += 1_000_000;
        expect(await state.claims.get('many', 'k0')).toBe('m3'); // without an end
        expect(await state.claims.get('many', 'k199')).toBeUndefined();
      });

      it('insert once: a jti is taken until it expires, also after a restart', async () => {
        const raced = await Promise.all([1, 2, 3].map(() => state.claims.insertOnce('jti', 'j1', clock + 300)));
        expect(raced.filter(Boolean)).toHaveLength(1);
        if (harness.durable) await reopen();
        expect(await state.claims.insertOnce('jti', 'j1', clock + 300)).toBe(false);
        clock += 299;
        expect(await state.claims.insertOnce('jti', 'j1', clock + 300)).toBe(false);
        clock += 1;
        expect(await state.claims.insertOnce('jti', 'j1', clock + 300)).toBe(true);
      });
    });

    describe('leases', () => {
      it('belong to one holder; a takeover has a bigger token and the former holder is refused', async () => {
        const first = (await state.leases.acquire('job', 'a', 100))!;
        expect(await state.leases.acquire('job', 'b', 100)).toBeUndefined();
        expect(await state.leases.renew(first, 100)).toBe(true);
        clock += 100;
        expect(await state.leases.current('job')).toBeUndefined();
        const second = (await state.leases.acquire('job', 'b', 100))!;
        expect(second.token).toBeGreaterThan(first.token);
        expect(await state.leases.renew(first, 1000)).toBe(false);
        await state.leases.release(first);
        expect(await state.leases.current('job')).toEqual(second);
        await state.leases.release(second);
        expect(await state.leases.current('job')).toBeUndefined();
        expect(await state.leases.renew(second, 100)).toBe(false);
        expect((await state.leases.acquire('job', 'a', 100))!.token).toBeGreaterThan(second.token);
      });

      it('are raced for by one winner, and tokens grow over a restart', async () => {
        const raced = await Promise.all(['a', 'b', 'c'].map((holder) => state.leases.acquire('job', holder, 100)));
        const [winner] = raced.filter((l) => l !== undefined);
        expect(raced.filter((l) => l !== undefined)).toHaveLength(1);
        if (!harness.durable) return;
        await state.leases.release(winner!);
        await reopen();
        expect((await state.leases.acquire('job', 'd', 100))!.token).toBeGreaterThan(winner!.token);
      });
    });

    it('counters count in a window that starts with the first hit', async () => {
      expect(await state.counters.hit('c', 100)).toEqual({ count: 1, resetsAt: clock + 100 });
      const end = clock + 100;
      clock += 99;
      expect(await state.counters.hit('c', 100, 4)).toEqual({ count: 5, resetsAt: end });
      expect((await state.counters.hit('d', 100)).count).toBe(1);
      clock += 1;
      expect(await state.counters.hit('c', 100)).toEqual({ count: 1, resetsAt: clock + 100 });
    });

    describe('presence', () => {
      it('lists who announced itself, with its newest data, until its time is over', async () => {
        expect(await state.presence.list('readers')).toEqual([]);
        await state.presence.announce('readers', 'b', { at: { 'pa.registry': [1, 2] } }, 100);
        await state.presence.announce('readers', 'a', { at: {} }, 200);
        await state.presence.announce('others', 'a', null, 1000);
        expect(await state.presence.list('readers')).toEqual([{ holder: 'a', data: { at: {} }, expiresAt: clock + 200 }, { holder: 'b', data: { at: { 'pa.registry': [1, 2] } }, expiresAt: clock + 100 }]);
        clock += 99;
        await state.presence.announce('readers', 'b', { at: { 'pa.registry': [3, 2] } }, 100);
        clock += 99;
        expect((await state.presence.list('readers')).map((p) => p.data)).toEqual([{ at: {} }, { at: { 'pa.registry': [3, 2] } }]);
        clock += 1;
        expect((await state.presence.list('readers')).map((p) => p.holder)).toEqual(['a']);
        clock += 1;
        expect(await state.presence.list('readers')).toEqual([]);
        await state.presence.announce('readers', 'b', 'back', 100);
        expect(await state.presence.list('readers')).toEqual([{ holder: 'b', data: 'back', expiresAt: clock + 100 }]);
        expect(await state.presence.list('others')).toEqual([{ holder: 'a', data: null, expiresAt: clock + 800 }]);
      });

      it('forgets who leaves, and nobody else; leaving twice is no fault', async () => {
        await Promise.all(['a', 'b', 'c'].map((holder) => state.presence.announce('readers', holder, holder, 100)));
        await state.presence.leave('readers', 'b');
        await state.presence.leave('readers', 'b');
        await state.presence.leave('elsewhere', 'a');
        expect((await state.presence.list('readers')).map((p) => p.holder)).toEqual(['a', 'c']);
        if (!harness.durable) return;
        await reopen();
        expect((await state.presence.list('readers')).map((p) => p.data)).toEqual(['a', 'c']);
      });
    });

    describe('work', () => {
      const put = (...ids: string[]): Promise<void> => state.work.put('q', ids.map((id) => ({ id, payload: { of: id } })));

      it('is taken oldest first, by one holder each, and is idempotent by id', async () => {
        await put('b', 'a');
        await put('a', 'b', 'c');
        const taken = await Promise.all(['h1', 'h2', 'h3', 'h4'].map((holder) => state.work.take('q', holder, 100)));
        expect(taken.map((i) => i?.id)).toEqual(['b', 'a', 'c', undefined]);
        expect(taken[0]).toMatchObject({ queue: 'q', payload: { of: 'b' }, attempts: 1 });
        expect(await state.work.count('q')).toEqual({ ready: 0, leased: 3 });
        expect(await state.work.take('elsewhere', 'h1', 100)).toBeUndefined();
        expect(await state.work.done(taken[0]!)).toBe(true);
        await put('b');
        expect(await state.work.count('q')).toEqual({ ready: 0, leased: 2 });
      });

      it('is taken again when the heartbeat stops, under a new fence; the former holder is refused', async () => {
        await put('a');
        const first = (await state.work.take('q', 'h1', 100))!;
        clock += 99;
        expect(await state.work.heartbeat(first, 100)).toBe(true);
        clock += 99;
        expect(await state.work.take('q', 'h2', 100)).toBeUndefined();
        clock += 1;
        const second = (await state.work.take('q', 'h2', 100))!;
        expect(second).toMatchObject({ id: 'a', attempts: 2 });
        expect(second.fence).toBeGreaterThan(first.fence);
        expect([await state.work.heartbeat(first, 100), await state.work.done(first), await state.work.release(first, 0)]).toEqual([false, false, false]);
        expect(await state.work.done(second)).toBe(true);
        expect(await state.work.done(second)).toBe(false);
      });

      it('waits when given back, and the fence that gave it back is used up', async () => {
        await put('a');
        const first = (await state.work.take('q', 'h1', 100))!;
        expect(await state.work.release(first, clock + 50)).toBe(true);
        expect(await state.work.done(first)).toBe(false);
        expect(await state.work.take('q', 'h1', 100)).toBeUndefined();
        clock += 50;
        expect((await state.work.take('q', 'h1', 100))?.attempts).toBe(2);
        await state.work.put('q', [{ id: 'later', payload: 1, notBefore: clock + 10 }]);
        expect(await state.work.take('q', 'h1', 100)).toBeUndefined();
      });

      it('is removed by prefix while it runs, and what is put anew never meets an old fence', async () => {
        await put('job1/a', 'job1/b', 'job2/a', 'job1%');
        const old = (await state.work.take('q', 'h1', 100))!;
        await state.work.remove('q', 'job1/');
        expect(await state.work.heartbeat(old, 100)).toBe(false);
        expect(await state.work.count('q')).toEqual({ ready: 2, leased: 0 });
        await state.work.remove('q', 'job');
        await put('job1/a');
        const renewed = (await state.work.take('q', 'h2', 100))!;
        expect(await state.work.done(old)).toBe(false);
        expect(await state.work.done(renewed)).toBe(true);
      });

      it('survives a restart with its leases and fences', async () => {
        if (!harness.durable) return;
        await put('a', 'b');
        const first = (await state.work.take('q', 'h1', 100))!;
        await reopen();
        expect((await state.work.take('q', 'h2', 100))?.id).toBe('b');
        clock += 100;
        expect((await state.work.take('q', 'h2', 100))!.fence).toBeGreaterThan(first.fence);
        expect(await state.work.done(first)).toBe(false);
      });
    });
  });
}
