import { describe, expect, it } from 'vitest';
import { TransactionTimes } from '../transaction-times.ts';
import type { Fixture } from './fixture.ts';

export function agreements(at: Fixture): void {
  describe.each(['leases', 'briefLeases'] as const)('%s', (kind) => {
    it('belong to one holder; a takeover has a higher token and the former holder is refused', async () => {
      const leases = at.state[kind];
      const first = (await leases.acquire('job', 'a', 100))!;
      expect(await leases.acquire('job', 'b', 100)).toBeUndefined();
      expect(await leases.renew(first, 100)).toBe(true);
      at.clock += 100;
      // Nobody has taken it.
      expect(await leases.renew(first, 100)).toBe(true);
      at.clock += 100;
      const second = (await leases.acquire('job', 'b', 100))!;
      expect(second.token).toBeGreaterThan(first.token);
      expect(await leases.renew(first, 1000)).toBe(false);
      await leases.release(first);
      expect(await leases.acquire('job', 'a', 100)).toBeUndefined();
      await leases.release(second);
      expect(await leases.renew(second, 100)).toBe(false);
      expect((await leases.acquire('job', 'a', 100))!.token).toBeGreaterThan(second.token);
    });
    it('may be acquired again by their holder, and have names of their own', async () => {
      const leases = at.state[kind];
      const first = (await leases.acquire('job', 'a', 100))!;
      const again = (await leases.acquire('job', 'a', 100))!;
      expect(again.token).toBeGreaterThan(first.token);
      expect([await leases.renew(first, 100), await leases.renew(again, 100)]).toEqual([false, true]);
      expect(await leases.acquire('another job', 'b', 100)).toMatchObject({ name: 'another job', holder: 'b' });
    });
  });

  describe('leases', () => {
    it('have one winner of concurrent calls, and tokens grow over a restart', async () => {
      const raced = await Promise.all(['a', 'b', 'c'].map((holder) => at.state.leases.acquire('job', holder, 100)));
      const [winner] = raced.filter((l) => l !== undefined);
      expect(raced.filter((l) => l !== undefined)).toHaveLength(1);
      if (!at.harness.durable) return;
      await at.state.leases.release(winner!);
      await at.reopen();
      expect((await at.state.leases.acquire('job', 'd', 100))!.token).toBeGreaterThan(winner!.token);
    });
  });

  it('the newest transactionTime only grows, for all processes, and survives a restart', async () => {
    const [a, b] = [new TransactionTimes(at.state.streams), new TransactionTimes(at.state.streams)];
    expect(await a.newest()).toBe(0);
    await Promise.all([3, 9, 4, 7, 1].map((ms, i) => (i % 2 === 0 ? a : b).raise(ms)));
    await b.raise(5);
    expect([await a.newest(), await b.newest()]).toEqual([9, 9]);
    if (!at.harness.durable) return;
    await at.reopen();
    expect(await new TransactionTimes(at.state.streams).newest()).toBe(9);
  });

  it('counters count in a window that starts with the first hit', async () => {
    expect(await at.state.counters.hit('c', 100)).toEqual({ count: 1, resetsAt: at.clock + 100 });
    const end = at.clock + 100;
    at.clock += 99;
    expect(await at.state.counters.hit('c', 100, 4)).toEqual({ count: 5, resetsAt: end });
    expect((await at.state.counters.hit('d', 100)).count).toBe(1);
    at.clock += 1;
    expect(await at.state.counters.hit('c', 100)).toEqual({ count: 1, resetsAt: at.clock + 100 });
  });

  describe('presence', () => {
    it('lists holders with their newest data until their ttl ends', async () => {
      expect(await at.state.presence.list('readers')).toEqual([]);
      await at.state.presence.announce('readers', 'b', { at: { 'pa.registry': [1, 2] } }, 100);
      await at.state.presence.announce('readers', 'a', { at: {} }, 200);
      await at.state.presence.announce('others', 'a', null, 1000);
      expect(await at.state.presence.list('readers')).toEqual([
        { holder: 'a', data: { at: {} }, expiresAt: at.clock + 200 },
        { holder: 'b', data: { at: { 'pa.registry': [1, 2] } }, expiresAt: at.clock + 100 },
      ]);
      at.clock += 99;
      await at.state.presence.announce('readers', 'b', { at: { 'pa.registry': [3, 2] } }, 100);
      at.clock += 99;
      expect((await at.state.presence.list('readers')).map((p) => p.data)).toEqual([
        { at: {} },
        { at: { 'pa.registry': [3, 2] } },
      ]);
      at.clock += 1;
      expect((await at.state.presence.list('readers')).map((p) => p.holder)).toEqual(['a']);
      at.clock += 1;
      expect(await at.state.presence.list('readers')).toEqual([]);
      await at.state.presence.announce('readers', 'b', 'back', 100);
      expect(await at.state.presence.list('readers')).toEqual([
        { holder: 'b', data: 'back', expiresAt: at.clock + 100 },
      ]);
      expect(await at.state.presence.list('others')).toEqual([{ holder: 'a', data: null, expiresAt: at.clock + 800 }]);
    });

    it('removes only the holder that leaves; leaving twice is no fault', async () => {
      await Promise.all(['a', 'b', 'c'].map((holder) => at.state.presence.announce('readers', holder, holder, 100)));
      await at.state.presence.leave('readers', 'b');
      await at.state.presence.leave('readers', 'b');
      await at.state.presence.leave('elsewhere', 'a');
      expect((await at.state.presence.list('readers')).map((p) => p.holder)).toEqual(['a', 'c']);
      if (!at.harness.durable) return;
      await at.reopen();
      expect((await at.state.presence.list('readers')).map((p) => p.data)).toEqual(['a', 'c']);
    });
  });

  describe('work', () => {
    const put = (...ids: string[]): Promise<void> =>
      at.state.work.put(
        'q',
        ids.map((id) => ({ id, payload: { of: id } })),
      );

    it('is taken oldest first, by one holder each, and is idempotent by id', async () => {
      await put('b', 'a');
      await put('a', 'b', 'c');
      const taken = await Promise.all(['h1', 'h2', 'h3', 'h4'].map((holder) => at.state.work.take('q', holder, 100)));
      expect(taken.map((i) => i?.id)).toEqual(['b', 'a', 'c', undefined]);
      expect(taken[0]).toMatchObject({ queue: 'q', payload: { of: 'b' }, attempts: 1 });
      expect(await at.state.work.count('q')).toEqual({ ready: 0, leased: 3 });
      expect(await at.state.work.take('elsewhere', 'h1', 100)).toBeUndefined();
      expect(await at.state.work.done(taken[0]!)).toBe(true);
      await put('b');
      await put();
      expect(await at.state.work.count('q')).toEqual({ ready: 0, leased: 2 });
    });

    it('is taken again with a new fencing token when the heartbeat stops; the former holder is refused', async () => {
      await put('a');
      const first = (await at.state.work.take('q', 'h1', 100))!;
      at.clock += 99;
      expect(await at.state.work.heartbeat(first, 100)).toBe(true);
      at.clock += 99;
      expect(await at.state.work.take('q', 'h2', 100)).toBeUndefined();
      at.clock += 1;
      const second = (await at.state.work.take('q', 'h2', 100))!;
      expect(second).toMatchObject({ id: 'a', attempts: 2 });
      expect(second.fence).toBeGreaterThan(first.fence);
      expect([
        await at.state.work.heartbeat(first, 100),
        await at.state.work.done(first),
        await at.state.work.release(first, 0),
      ]).toEqual([false, false, false]);
      expect(await at.state.work.done(second)).toBe(true);
      expect(await at.state.work.done(second)).toBe(false);
    });

    it('names the queues with an item that is free now, and not leased, done or delayed', async () => {
      const { work } = at.state;
      const queues = ['q', 'r', 's', 'none'];
      expect(await work.ready(queues)).toEqual([]);
      await work.put('q', [
        { id: 'a', payload: 1 },
        { id: 'b', payload: 2 },
      ]);
      await work.put('r', [{ id: 'a', payload: 3 }]);
      await work.put('s', [{ id: 'a', payload: 4, notBefore: at.clock + 50 }]);
      await work.put('other', [{ id: 'a', payload: 5 }]);
      expect([...(await work.ready(queues))].sort()).toEqual(['q', 'r']);
      const [first, second] = [(await work.take('q', 'h', 100))!, (await work.take('q', 'h', 20))!];
      await work.done((await work.take('r', 'h', 100))!);
      expect(await work.ready(queues)).toEqual([]);
      at.clock += 50;
      expect([...(await work.ready(queues))].sort()).toEqual(['q', 's']);
      await work.done((await work.take('q', 'h', 100))!);
      expect([first.id, second.id, ...(await work.ready(queues))]).toEqual(['a', 'b', 's']);
    });

    it('waits after a release, and its fencing token is then invalid', async () => {
      await put('a');
      const first = (await at.state.work.take('q', 'h1', 100))!;
      expect(await at.state.work.release(first, at.clock + 50)).toBe(true);
      expect(await at.state.work.done(first)).toBe(false);
      expect(await at.state.work.take('q', 'h1', 100)).toBeUndefined();
      at.clock += 50;
      expect((await at.state.work.take('q', 'h1', 100))?.attempts).toBe(2);
      await at.state.work.put('q', [{ id: 'later', payload: 1, notBefore: at.clock + 10 }]);
      expect(await at.state.work.take('q', 'h1', 100)).toBeUndefined();
    });

    it('is removed by prefix while it runs, and a new item never has an old fencing token', async () => {
      await put('job1/a', 'job1/b', 'job2/a', 'job1%');
      const old = (await at.state.work.take('q', 'h1', 100))!;
      await at.state.work.remove('q', 'job1/');
      expect(await at.state.work.heartbeat(old, 100)).toBe(false);
      expect(await at.state.work.count('q')).toEqual({ ready: 2, leased: 0 });
      await at.state.work.remove('q', 'job');
      await put('job1/a');
      const renewed = (await at.state.work.take('q', 'h2', 100))!;
      expect(await at.state.work.done(old)).toBe(false);
      expect(await at.state.work.done(renewed)).toBe(true);
    });

    it('survives a restart with its leases and fencing tokens', async () => {
      if (!at.harness.durable) return;
      await put('a', 'b');
      const first = (await at.state.work.take('q', 'h1', 100))!;
      await at.reopen();
      expect((await at.state.work.take('q', 'h2', 100))?.id).toBe('b');
      at.clock += 100;
      expect((await at.state.work.take('q', 'h2', 100))!.fence).toBeGreaterThan(first.fence);
      expect(await at.state.work.done(first)).toBe(false);
    });
  });
}
