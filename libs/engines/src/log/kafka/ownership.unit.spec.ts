import { expect, it } from 'vitest';
import { Ownership } from './ownership.ts';

const limits = { sessionTimeoutMs: 10_000, rebalanceTimeoutMs: 60_000 };

it('holds for four fifths of a session after the last heartbeat was sent, whenever its answer came', () => {
  const ownership = new Ownership(limits, 0);
  expect(ownership.held(8_000)).toBe(true);
  expect(ownership.held(8_001)).toBe(false);
  ownership.heard(5_000);
  expect(ownership.held(13_000)).toBe(true);
  // An answer that overtook another changes nothing.
  ownership.heard(2_000);
  expect(ownership.held(13_000)).toBe(true);
  expect(ownership.held(13_001)).toBe(false);
});

it('holds while a rebalance waits for this consumer, but not beyond the rebalance timeout', () => {
  const ownership = new Ownership(limits, 0);
  for (let at = 1_000; at <= 60_000; at += 1_000) ownership.rebalancing(at);
  expect(ownership.held(47_999)).toBe(true);
  expect(ownership.held(48_000)).toBe(false);
});

it('ends for good when it is revoked', () => {
  const ownership = new Ownership(limits, 0);
  ownership.revoke();
  ownership.heard(1_000);
  expect(ownership.held(1_000)).toBe(false);
});

it('is forgotten after a session and a rebalance without an answer', () => {
  const ownership = new Ownership(limits, 0);
  ownership.rebalancing(5_000);
  expect(ownership.isForgotten(75_000)).toBe(false);
  expect(ownership.isForgotten(75_001)).toBe(true);
});
