import { describe, expect, it } from 'vitest';
import type { WorkItem } from '../port.ts';
import type { Fixture } from './fixture.ts';

const LEASE = 1_000_000;
const ids = (prefix: string, count: number): string[] => Array.from({ length: count }, (_, i) => `${prefix}/${i}`);

/** Work of several apps in one queue (E75, E76). */
export function turns(at: Fixture): void {
  const put = (app: string, ...of: readonly string[]): Promise<void> =>
    at.state.work.put(
      'q',
      of.map((id) => ({ id, app, payload: id })),
    );
  const take = (): Promise<WorkItem | undefined> => at.state.work.take('q', 'h', LEASE);
  /** The next items, each of which is done before the next one is taken. */
  async function done(count: number): Promise<string[]> {
    const found: string[] = [];
    for (let i = 0; i < count; i++) {
      const item = await take();
      if (item === undefined) break;
      found.push(item.id);
      expect(await at.state.work.done(item)).toBe(true);
    }
    return found;
  }

  describe('turns of apps', () => {
    it.each([1, 2, 4])('E75: with %i workers, at most so many of 10,000 items start before a new app', async (k) => {
      await put('a', ...ids('a', 10_000));
      const running = await Promise.all(Array.from({ length: k }, take));
      expect(running.map((item) => item?.id)).toEqual(ids('a', k));
      await put('b', 'b/0');
      let before = 0;
      for (;;) {
        await at.state.work.done(running.shift()!);
        const item = (await take())!;
        if (item.app === 'b') break;
        before += 1;
        running.push(item);
        expect(before).toBeLessThanOrEqual(k);
      }
      expect(before).toBeLessThanOrEqual(k);
      expect(await at.state.work.count('q')).toEqual({ ready: 10_000 - k - before, leased: k });
    });

    it('E75: go round, oldest first within an app, also for an app that adds one at a time', async () => {
      await put('a', ...ids('a', 4));
      await put('b', 'b/1', 'b/0');
      await put('c', 'c/0');
      expect(await done(5)).toEqual(['a/0', 'b/1', 'c/0', 'a/1', 'b/0']);
      await put('c', 'c/1');
      expect(await done(1)).toEqual(['c/1']);
      expect(await done(1)).toEqual(['a/2']);
      await put('c', 'c/2');
      await put('new', 'new/0');
      expect(await done(9)).toEqual(['c/2', 'a/3', 'new/0']);
    });

    it('E75: items without an app take turns like an app, and item and queue have the app that was given', async () => {
      await at.state.work.put('q', [
        { id: 'x', payload: 1 },
        { id: 'y', payload: 2 },
      ]);
      await put('a', 'a/0', 'a/1');
      const items = [await take(), await take(), await take(), await take()];
      expect(items.map((item) => [item?.id, item?.app])).toEqual([
        ['x', undefined],
        ['a/0', 'a'],
        ['y', undefined],
        ['a/1', 'a'],
      ]);
      expect(await take()).toBeUndefined();
    });

    it('E75: of random puts, failures and delays agree with a table of who was served longest ago', async () => {
      let seed = 20_261_130;
      const random = (below: number): number => (seed = (seed * 48_271) % 2_147_483_647) % below;
      const apps = ['a', 'b', 'c', 'd'];
      const items: { id: string; app: string; freeAt: number }[] = [];
      const served = new Map<string, number>();
      let clock = 0;
      let created = 0;
      for (let step = 0; step < 400; step++) {
        at.clock += random(3);
        const app = apps[random(4)]!;
        if (random(3) === 0) {
          const some = Array.from({ length: 1 + random(6) }, () => `${app}/${created++}`);
          const notBefore = random(3) === 0 ? at.clock + random(20) : undefined;
          await at.state.work.put(
            'q',
            some.map((id) => ({ id, app, payload: id, notBefore })),
          );
          items.push(...some.map((id) => ({ id, app, freeAt: notBefore ?? 0 })));
          if (!served.has(app)) served.set(app, ++clock);
          continue;
        }
        const free = items.filter(({ freeAt }) => freeAt <= at.clock);
        const next = free.toSorted((x, y) => served.get(x.app)! - served.get(y.app)!)[0];
        const item = await take();
        expect(item?.id, `step ${step}`).toBe(next?.id);
        if (next === undefined) continue;
        served.set(next.app, ++clock);
        if (random(4) === 0) {
          next.freeAt = at.clock + random(20);
          expect(await at.state.work.release(item!, next.freeAt)).toBe(true);
        } else {
          items.splice(items.indexOf(next), 1);
          expect(await at.state.work.done(item!)).toBe(true);
        }
      }
      expect(created).toBeGreaterThan(100);
    });

    it('E76: an app whose items failed and wait does not come first with all of them', async () => {
      await put('a', ...ids('a', 50));
      for (let i = 0; i < 50; i++) await at.state.work.release((await take())!, at.clock + 100);
      expect(await take()).toBeUndefined();
      at.clock += 100;
      await put('b', 'b/0', 'b/1');
      expect(await done(4)).toEqual(['a/0', 'b/0', 'a/1', 'b/1']);
    });

    it('E76: an item whose holder died is free after its lease, also while its app has nothing else', async () => {
      await put('a', 'a/0');
      const lost = (await take())!;
      expect(await take()).toBeUndefined();
      await put('b', ...ids('b', 3));
      at.clock += LEASE;
      const items = [(await take())!, (await take())!];
      expect(items.map(({ id }) => id).sort()).toEqual(['a/0', 'b/0']);
      expect(items.find(({ id }) => id === 'a/0')).toMatchObject({ attempts: 2 });
      expect(await at.state.work.done(lost)).toBe(false);
    });

    it('E76: an app that was removed and returns keeps its place', async () => {
      await put('a', ...ids('a', 10));
      await put('b', ...ids('b', 10));
      expect(await done(2)).toEqual(['a/0', 'b/0']);
      await at.state.work.remove('q', 'b/');
      expect(await done(1)).toEqual(['a/1']);
      await put('b', 'b/new');
      expect(await done(3)).toEqual(['b/new', 'a/2', 'a/3']);
      if (!at.harness.durable) return;
      await put('b', 'b/newer');
      await at.reopen();
      expect(await done(2)).toEqual(['b/newer', 'a/4']);
    });
  });
}
