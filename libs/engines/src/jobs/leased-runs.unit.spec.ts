import { afterEach, beforeEach, expect, test, vi } from 'vitest';
import type { Leases } from '../state/index.ts';
import { LeasedRuns } from './leased-runs.ts';

/** Runs that wait, leases by hand, and what happened. */
class Bench {
  readonly waiting: string[] = [];
  readonly taken: string[] = [];
  looks = 0;
  others: string | undefined;
  fault: Error | undefined;
  readonly failures: unknown[] = [];
  /** Ends the current `take`. */
  done: () => void = () => undefined;
  held: string | undefined;

  readonly #leases: Leases = {
    acquire: (name, holder, ttlMs) => {
      if (this.others !== undefined || this.held !== undefined) return Promise.resolve(undefined);
      this.held = holder;
      return Promise.resolve({ name, holder, token: 1, expiresAt: ttlMs } as never);
    },
    renew: () => Promise.resolve(true),
    release: () => {
      this.held = undefined;
      return Promise.resolve();
    },
  };
  readonly runs = new LeasedRuns<string>({
    ...{ leases: this.#leases, lease: 'runs', holder: 'me', leaseMs: 60_000 },
    next: () => {
      this.looks += 1;
      return this.fault === undefined ? Promise.resolve(this.waiting[0]) : Promise.reject(this.fault);
    },
    take: async (run) => {
      this.taken.push(run);
      await new Promise<void>((resolve) => (this.done = resolve));
      this.waiting.shift();
    },
    failed: (error) => this.failures.push(error),
  });
}

beforeEach(() => void vi.useFakeTimers());
afterEach(() => void vi.useRealTimers());

test('looks three times a minute while nothing waits, and at once when asked', async () => {
  const bench = new Bench();
  bench.runs.start();
  await vi.advanceTimersByTimeAsync(59_000);
  expect(bench.looks).toBe(3);
  bench.waiting.push('a');
  void bench.runs.look();
  await vi.advanceTimersByTimeAsync(0);
  expect(bench.taken).toEqual(['a']);
  bench.done();
  await bench.runs.stop();
  expect(bench.held).toBeUndefined();
});

test('makes one run at a time, also one that arrives while the last look ends', async () => {
  const bench = new Bench();
  bench.waiting.push('a');
  const looking = bench.runs.look();
  await vi.advanceTimersByTimeAsync(0);
  bench.waiting.push('b');
  void bench.runs.look();
  await vi.advanceTimersByTimeAsync(0);
  expect(bench.taken).toEqual(['a']);
  bench.done();
  await vi.advanceTimersByTimeAsync(0);
  expect(bench.taken).toEqual(['a', 'b']);
  bench.done();
  await looking;
  const last = bench.runs.look();
  // The look has found nothing, and has not ended.
  bench.waiting.push('c');
  void bench.runs.look();
  await vi.advanceTimersByTimeAsync(0);
  expect(bench.taken).toEqual(['a', 'b', 'c']);
  bench.done();
  await last;
});

test('looks every five seconds while another process has the lease, or the store is away', async () => {
  const bench = new Bench();
  bench.waiting.push('a');
  bench.others = 'another process';
  bench.runs.start();
  await vi.advanceTimersByTimeAsync(4_000);
  expect(bench.looks).toBe(1);
  await vi.advanceTimersByTimeAsync(1_000);
  expect([bench.looks, bench.taken]).toEqual([2, []]);
  bench.fault = new Error('away');
  await vi.advanceTimersByTimeAsync(5_000);
  expect(bench.failures).toEqual([bench.fault]);
  bench.fault = undefined;
  bench.others = undefined;
  await vi.advanceTimersByTimeAsync(5_000);
  expect(bench.taken).toEqual(['a']);
  const stopped = bench.runs.stop();
  bench.done();
  await stopped;
});
