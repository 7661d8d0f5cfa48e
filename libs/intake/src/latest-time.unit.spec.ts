import { expect, it } from 'vitest';
import { LatestTime } from './latest-time.ts';

const NOON = Date.UTC(2026, 5, 1, 12);
const HOUR = 3_600_000;
/** A clock that does not move. `steady` is absent unless it is given. */
const at = (now: number, steady?: number) => ({
  now: () => now,
  ...(steady !== undefined && { steady: () => steady }),
});

it('is the time of the log where the clock of the process is behind', () => {
  expect(new LatestTime(at(NOON - HOUR)).with([{ timestamp: NOON }, { timestamp: NOON - 1 }])).toBe(NOON);
});

it('is the clock of the process where the log is behind', () => {
  expect(new LatestTime(at(NOON)).with([{ timestamp: NOON - HOUR }])).toBe(NOON);
});

it('never goes back: a time that an earlier batch has shown has passed', () => {
  const latest = new LatestTime(at(NOON - HOUR));
  latest.with([{ timestamp: NOON }]);
  expect(latest.with([{ timestamp: NOON - HOUR }])).toBe(NOON);
  expect(latest.with([])).toBe(NOON);
});

it('goes on while the clock of the process steps back: an hour passes by the clock that nobody sets', () => {
  expect(new LatestTime(at(NOON - HOUR, NOON)).with([{ timestamp: NOON - HOUR }])).toBe(NOON);
});

it('is not chosen by a producer', () => {
  const latest = new LatestTime(at(NOON));
  expect(latest.with([{ timestamp: NOON + HOUR, timestampBy: 'producer' }])).toBe(NOON);
  expect(latest.with([{ timestamp: NOON }])).toBe(NOON);
});
