import { expect, test } from 'vitest';
import { doneOf, timeLeft } from '../src/developer/time-left.ts';

test.each([
  ['250 members written', 250],
  ['1 member matched', 1],
  ['0 members written', 0],
  ['planning', undefined],
  [undefined, undefined],
  ['many members written', undefined],
])('of the progress %j, %j members are done', (progress, done) => expect(doneOf(progress)).toBe(done));

test.each(
  [
    // 100 members in a minute, and 300 are left.
    [{ at: 0, done: 0 }, { at: 60_000, done: 100 }, 400, 180_000],
    [{ at: 0, done: 50 }, { at: 10_000, done: 100 }, 150, 10_000],
    ['nothing done between the looks', { at: 0, done: 5 }, { at: 9, done: 5 }, 10, undefined],
    ['a chunk is done again', { at: 0, done: 5 }, { at: 9, done: 3 }, 10, undefined],
    ['members left the Group', { at: 0, done: 5 }, { at: 9, done: 12 }, 10, undefined],
    ['the clock was set back', { at: 9, done: 5 }, { at: 3, done: 7 }, 10, undefined],
  ].map((row) => (typeof row[0] === 'string' ? row.slice(1) : row) as [Seen, Seen, number, number | undefined]),
)('from %j to %j of %j, %j ms are left', (first, now, total, left) => expect(timeLeft(first, now, total)).toBe(left));
interface Seen {
  readonly at: number;
  readonly done: number;
}
