import { afterEach, describe, expect, it, vi } from 'vitest';
import type { State, WorkItem } from '../state/index.ts';
import { openMemoryState } from '../state/memory/index.ts';
import { eventually } from '@provider-access/testing';
import { Poll } from './poll.ts';
import { Workers, type WorkersOptions } from './workers.ts';

const opened: (() => Promise<unknown>)[] = [];
afterEach(async () => {
  vi.useRealTimers();
  for (const close of opened.splice(0).reverse()) await close();
});

function open(
  options: Partial<WorkersOptions> & Pick<WorkersOptions, 'handle'>,
  { polls = true, ...shared }: { polls?: boolean; state?: State; clock?: { at: number } } = {},
) {
  const clock = shared.clock ?? { at: 1_000_000 };
  const state = shared.state ?? openMemoryState({ now: () => clock.at });
  if (!shared.state) opened.push(() => state.close());
  const workers = new Workers({
    work: state.work,
    queue: 'q',
    holder: 'me',
    clock: { now: () => clock.at },
    ...options,
  });
  const poll = new Poll(async () => workers.notify(), 5);
  opened.push(async () => {
    poll.stop();
    await workers.stop();
  });
  workers.start();
  if (polls) void poll.start();
  return { clock, state, workers };
}

const put = (state: State, ...ids: string[]): Promise<void> =>
  state.work.put(
    'q',
    ids.map((id) => ({ id, payload: { id } })),
  );

const whenAborted = (signal: AbortSignal): Promise<never> =>
  new Promise((_, reject) => signal.addEventListener('abort', () => reject(new Error('aborted'))));

describe('Workers', () => {
  it('does each item once, in the order in which they were put, and marks it done', async () => {
    const seen: string[] = [];
    const { state, workers } = open({ handle: async (item) => void seen.push(item.id) });
    await put(state, 'a', 'b', 'c');
    workers.notify();
    await eventually(async () => (await state.work.count('q')).ready + (await state.work.count('q')).leased === 0);
    expect(seen).toEqual(['a', 'b', 'c']);
  });

  it('asks the store when it starts and when it is notified, and never by itself', async () => {
    vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout', 'setInterval', 'clearInterval'] });
    let done = 0;
    const { state, workers } = open({ handle: async () => void done++ }, { polls: false });
    const take = vi.spyOn(state.work, 'take');
    await put(state, 'a');
    workers.notify();
    await eventually(() => {
      const last = take.mock.settledResults.at(-1);
      return done === 1 && last?.type === 'fulfilled' && last.value === undefined;
    });
    const asked = take.mock.calls.length;
    await put(state, 'b');
    await vi.advanceTimersByTimeAsync(3_600_000);
    expect([done, take.mock.calls.length]).toEqual([1, asked]);
    workers.notify();
    await eventually(() => done === 2);
    expect(done).toBe(2);
  });

  it('runs as many at a time as it may, and no more', async () => {
    let running = 0;
    let most = 0;
    const gate = deferred<void>();
    const { state, workers } = open({
      concurrency: 2,
      handle: async () => {
        most = Math.max(most, ++running);
        await gate.promise;
        running--;
      },
    });
    await put(state, 'a', 'b', 'c');
    workers.notify();
    await eventually(() => running === 2);
    expect(await state.work.count('q')).toEqual({ ready: 1, leased: 2 });
    gate.resolve();
    await eventually(async () => (await state.work.count('q')).leased + (await state.work.count('q')).ready === 0);
    expect(most).toBe(2);
  });

  it('releases a failed item until its backoff, and reports the failure', async () => {
    const failures: string[] = [];
    const attempts: number[] = [];
    const { state, workers, clock } = open({
      backoffMs: (n) => n * 1000,
      failed: (item, error) => failures.push(`${item.id}: ${(error as Error).message}`),
      handle: async (item) => {
        attempts.push(item.attempts);
        if (item.attempts === 1) throw new Error('disk full');
      },
    });
    await put(state, 'a');
    workers.notify();
    await eventually(() => failures.length === 1);
    await eventually(async () => (await state.work.count('q')).ready === 1);
    expect(await state.work.take('q', 'other', 10)).toBeUndefined();
    clock.at += 1000;
    await eventually(() => attempts.length === 2);
    expect(failures).toEqual(['a: disk full']);
    expect(attempts).toEqual([1, 2]);
  });

  it('aborts the handler when the lease is lost, and neither marks it done nor gives it back', async () => {
    vi.useFakeTimers({ toFake: ['performance', 'setInterval', 'clearInterval'] });
    const handled = deferred<void>();
    const lost = deferred<unknown>();
    const { state, workers, clock } = open({
      ttlMs: 30_000,
      handle: async (_item, signal) => {
        handled.resolve();
        await whenAborted(signal).catch(() => {});
        lost.resolve(signal.reason);
      },
    });
    await put(state, 'a');
    workers.notify();
    await handled.promise;
    // The holder was silent for longer than its lease, and another takes the item before the next heartbeat.
    clock.at += 30_001;
    const taken = await state.work.take('q', 'other', 1_000_000);
    await vi.advanceTimersByTimeAsync(10_000);
    expect(await lost.promise).toBe('lost');
    expect(await state.work.done(taken!)).toBe(true);
  });

  it('tells a handler whether its lease still holds', async () => {
    const answers: boolean[] = [];
    const taken = deferred<void>();
    const asked = deferred<void>();
    const { state, workers, clock } = open({
      handle: async (item, _signal, heartbeat) => {
        if (item.attempts > 1) return;
        answers.push(await heartbeat());
        taken.resolve();
        await asked.promise;
        answers.push(await heartbeat(), await heartbeat());
      },
    });
    await put(state, 'a');
    workers.notify();
    await taken.promise;
    clock.at += 60_000;
    expect((await state.work.take('q', 'other', 30_000))?.fence).toBeGreaterThan(1);
    asked.resolve();
    await eventually(() => answers.length === 3);
    expect(answers).toEqual([true, false, false]);
  });

  it('releases its items at once when it stops', async () => {
    const reasons: unknown[] = [];
    const { state, workers } = open({
      handle: async (_item, signal) => {
        await whenAborted(signal).catch(() => {});
        reasons.push(signal.reason);
        throw new Error('not finished');
      },
    });
    await put(state, 'a');
    workers.notify();
    await eventually(async () => (await state.work.count('q')).leased === 1);
    await workers.stop();
    expect(reasons).toEqual(['stopping']);
    expect((await state.work.take('q', 'other', 1000))?.id).toBe('a');
  });

  it('continues when the store is back', async () => {
    let away = true;
    let done = 0;
    let asked = 0;
    const clock = { at: 5000 };
    const state = openMemoryState({ now: () => clock.at });
    opened.push(() => state.close());
    open(
      {
        work: {
          ...pass(state),
          take: (queue, holder, ttl) => {
            asked++;
            return away ? Promise.reject(new Error('away')) : state.work.take(queue, holder, ttl);
          },
        },
        handle: async () => void done++,
      },
      { state, clock },
    );
    await put(state, 'a');
    await eventually(() => asked > 1);
    away = false;
    await eventually(() => done === 1);
  });
});

describe('Workers whose store is slow or away for a while', () => {
  it('marks an item as done when the store is back, and does not repeat it', async () => {
    const clock = { at: 1_000_000 };
    const state = openMemoryState({ now: () => clock.at });
    opened.push(() => state.close());
    let handled = 0;
    let refused = 3;
    const { workers } = open(
      {
        work: {
          ...pass(state),
          done: (item) => (refused-- > 0 ? Promise.reject(new Error('away')) : state.work.done(item)),
        },
        handle: async () => void handled++,
      },
      { state, clock },
    );
    await put(state, 'a');
    workers.notify();
    await eventually(async () => (await state.work.count('q')).ready + (await state.work.count('q')).leased === 0);
    expect([handled, refused]).toEqual([1, -1]);
  });

  it('ends at once when stopped, however long the store is away', async () => {
    const clock = { at: 1_000_000 };
    const state = openMemoryState({ now: () => clock.at });
    opened.push(() => state.close());
    let asked = 0;
    const { workers } = open(
      {
        work: { ...pass(state), done: () => (asked++, Promise.reject(new Error('away'))) },
        handle: async () => {},
      },
      { state, clock },
    );
    await put(state, 'a');
    workers.notify();
    await eventually(() => asked > 0);
    await workers.stop();
    expect(await state.work.count('q')).toEqual({ ready: 0, leased: 1 });
  });

  it('begins nothing that another has taken while the answer was on its way', async () => {
    const clock = { at: 1_000_000 };
    const state = openMemoryState({ now: () => clock.at });
    opened.push(() => state.close());
    // Fakes the clock of slow answers and the timer of heartbeats. Polls stay in real time.
    vi.useFakeTimers({ toFake: ['performance', 'setInterval', 'clearInterval'] });
    const seen: number[] = [];
    let stolen: WorkItem | undefined;
    const { workers } = open(
      {
        ttlMs: 30,
        work: {
          ...pass(state),
          take: async (queue, holder, ttl) => {
            const item = await state.work.take(queue, holder, ttl);
            if (item === undefined || stolen !== undefined) return item;
            clock.at += 1000;
            stolen = await state.work.take(queue, 'other', 1_000_000);
            vi.advanceTimersByTime(20);
            return item;
          },
        },
        handle: async (item) => void seen.push(item.fence),
      },
      { state, clock },
    );
    await put(state, 'a');
    workers.notify();
    await eventually(() => stolen !== undefined);
    await workers.stop();
    expect(seen).toEqual([]);
    expect(await state.work.done(stolen!)).toBe(true);
  });

  it('begins nothing when it was stopped while the answer was on its way, and gives the item back', async () => {
    const clock = { at: 1_000_000 };
    const state = openMemoryState({ now: () => clock.at });
    opened.push(() => state.close());
    const asked = deferred<void>();
    const answer = deferred<void>();
    let handled = 0;
    const { workers } = open(
      {
        work: {
          ...pass(state),
          take: async (...a) => {
            asked.resolve();
            await answer.promise;
            return state.work.take(...a);
          },
        },
        handle: async () => void handled++,
      },
      { state, clock },
    );
    await put(state, 'a');
    await asked.promise;
    const stopped = workers.stop();
    answer.resolve();
    await stopped;
    expect(handled).toBe(0);
    expect(await state.work.count('q')).toEqual({ ready: 1, leased: 0 });
  });

  it('sends one heartbeat at a time', async () => {
    const clock = { at: 1_000_000 };
    const state = openMemoryState({ now: () => clock.at });
    opened.push(() => state.close());
    const gate = deferred<boolean>();
    const finish = deferred<void>();
    let beats = 0;
    vi.useFakeTimers({ toFake: ['performance', 'setInterval', 'clearInterval'] });
    const { workers } = open(
      { ttlMs: 600, work: { ...pass(state), heartbeat: () => (beats++, gate.promise) }, handle: () => finish.promise },
      { state, clock },
    );
    await put(state, 'a');
    workers.notify();
    await eventually(async () => (await state.work.count('q')).leased === 1);
    await vi.advanceTimersByTimeAsync(200);
    expect(beats).toBe(1);
    await vi.advanceTimersByTimeAsync(1000);
    expect(beats).toBe(1);
    gate.resolve(true);
    await gate.promise;
    await vi.advanceTimersByTimeAsync(200);
    expect(beats).toBe(2);
    finish.resolve();
  });
});

/** The bound methods of a work store, because an instance of a class cannot be spread. */
function pass({ work }: State): State['work'] {
  return {
    put: (...a) => work.put(...a),
    take: (...a) => work.take(...a),
    heartbeat: (...a) => work.heartbeat(...a),
    done: (...a) => work.done(...a),
    release: (...a) => work.release(...a),
    remove: (...a) => work.remove(...a),
    count: (...a) => work.count(...a),
    ready: (...a) => work.ready(...a),
  };
}

function deferred<T>(): { promise: Promise<T>; resolve: (value: T) => void } {
  let resolve!: (value: T) => void;
  const promise = new Promise<T>((r) => (resolve = r));
  return { promise, resolve };
}
