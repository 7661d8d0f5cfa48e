import { afterEach, expect, it, vi } from 'vitest';
import type { EventLog } from '../log/index.ts';
import type { StateEngine, Waiting } from './engine.ts';
import type { Leases } from './port.ts';
import { Relay } from './relay.ts';

afterEach(() => {
  vi.useRealTimers();
});

it('polls less often the longer it finds nothing, and at once again after an event', async () => {
  vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout', 'performance'] });
  let polls = 0;
  let outbox: Waiting[] = [];
  const appended: string[] = [];
  const engine = {
    isShared: true,
    scan: async () => (polls++, outbox),
    update: async () => ({ changed: (outbox = []).length }),
  } as unknown as StateEngine;
  const log = {
    append: async (topic: string) => (appended.push(topic), [{ partition: 0, offset: appended.length }]),
  } as unknown as EventLog;
  const lease = { name: 'relay', holder: 'h', token: 1, expiresAt: 0 };
  const leases: Leases = { acquire: async () => lease, renew: async () => true, release: async () => undefined };
  const relay = new Relay(engine, log, leases, () => undefined, { relayPollMs: 25, relayTtlMs: 3_000 });
  relay.decided();
  await vi.advanceTimersByTimeAsync(2_900);
  // Every 25 ms it would be 116.
  expect(polls).toBeGreaterThan(10);
  expect(polls).toBeLessThan(30);
  outbox = [
    { stream: 's', version: 1, topic: 't', record: '{"key":"k","headers":{}}', value: new Uint8Array() },
  ] as unknown as Waiting[];
  await vi.advanceTimersByTimeAsync(200);
  expect(appended).toEqual(['t']);
  polls = 0;
  await vi.advanceTimersByTimeAsync(100);
  expect(polls).toBeGreaterThanOrEqual(2);
  await relay.stop();
});

const SHIFTS = Array.from({ length: 40 }, (_, n) => n * 50);
it.each(SHIFTS)('gives its lease back though a renewal lasts beyond its busy time (%i ms)', async (shiftMs) => {
  vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout', 'performance'] });
  const engine = { isShared: true, scan: async () => [] } as unknown as StateEngine;
  let isHeld = false;
  const lease = { name: 'relay', holder: 'h', token: 1, expiresAt: 0 };
  const leases: Leases = {
    acquire: async () => ((isHeld = true), lease),
    renew: () => {
      const { promise, resolve } = Promise.withResolvers<boolean>();
      setTimeout(resolve, 150, true);
      return promise;
    },
    release: async () => void (isHeld = false),
  };
  // No sweep comes to help.
  const options = { relayPollMs: 25, relayTtlMs: 3_000, relaySweepMs: 2 ** 31 - 1 };
  const relay = new Relay(engine, {} as EventLog, leases, () => undefined, options);
  relay.decided();
  await vi.advanceTimersByTimeAsync(shiftMs);
  // The busy time begins again, and the time of the lease does not.
  relay.decided();
  await vi.advanceTimersByTimeAsync(1_000);
  expect(isHeld).toBe(true);
  await vi.advanceTimersByTimeAsync(8_000);
  expect(isHeld).toBe(false);
  void relay.stop();
});
