import { instant } from '@provider-access/kernel';
import { expect, it } from 'vitest';
import { DecidedAhead } from './decided-ahead.ts';

const NOW = Date.parse('2026-07-01T12:00:00Z');
const at = (seconds: number): string => instant(NOW + seconds * 1000);

it('dates an entry by the newest decision about its members that is ahead of the clock (P11)', () => {
  const ahead = new DecidedAhead();
  expect(ahead.latest(['m1'], NOW)).toBe(NOW);
  ahead.note('m1', at(60), at(0));
  ahead.note('m2', at(30), at(0));
  ahead.note('m3', at(-30), at(0));
  ahead.note('m4', undefined, at(0));
  expect(ahead.latest(['m2', 'm1', 'm3'], NOW)).toBe(NOW + 60_000);
  expect(ahead.latest(['m2', 'm3', 'm4'], NOW)).toBe(NOW + 30_000);
  expect(ahead.latest(['m3', 'm4', 'other'], NOW)).toBe(NOW);
  expect(ahead.latest([], NOW)).toBe(NOW);
});

it('keeps the newest decision, and none that the clock has passed', () => {
  const ahead = new DecidedAhead();
  ahead.note('m1', at(60), at(0));
  ahead.note('m1', at(30), at(0));
  expect(ahead.latest(['m1'], NOW)).toBe(NOW + 60_000);
  expect(ahead.latest(['m1'], NOW + 61_000)).toBe(NOW + 61_000);
});

it('dates no entry before its decision when it has more members than it remembers', () => {
  const ahead = new DecidedAhead(2);
  ahead.note('m1', at(1), at(0));
  ahead.note('m2', at(60), at(0));
  // The clock has passed m1, so there is room.
  ahead.note('m3', at(50), at(2));
  expect(ahead.latest(['m1'], NOW + 2000)).toBe(NOW + 2000);
  ahead.note('m4', at(55), at(2));
  for (const member of ['m2', 'm3', 'm4']) expect(ahead.latest([member], NOW + 2000)).toBe(NOW + 60_000);
  expect(ahead.latest(['m2'], NOW + 61_000)).toBe(NOW + 61_000);
});
