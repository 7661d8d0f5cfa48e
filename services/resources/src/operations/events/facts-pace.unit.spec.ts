import type { Position } from '@provider-access/engines/log';
import { beforeEach, describe, expect, test } from 'vitest';
import { APPENDS_AHEAD, FactsPace } from './facts-pace.ts';

const at = (offset: number): Position => ({ 'payer.member-events': [offset] });

let now: number;
/** Positions that the pace asked for, each with how to answer. */
let asked: { readonly position: Position; readonly answer: (passed: boolean | Error) => void }[];
let pace: FactsPace;
beforeEach(() => {
  now = 0;
  asked = [];
  pace = new FactsPace(
    (position) =>
      new Promise((resolve, reject) =>
        asked.push({ position, answer: (passed) => (passed instanceof Error ? reject(passed) : resolve(passed)) }),
      ),
    () => now,
  );
});
const settled = async (waiting: Promise<void>): Promise<boolean> => {
  let done = false;
  void waiting.then(() => (done = true));
  for (let turn = 0; turn < 5; turn++) await Promise.resolve();
  return done;
};

describe('a sender of many events', () => {
  test('waits for the oldest append when so many are ahead of the facts, and asks nothing before', async () => {
    for (let n = 1; n <= APPENDS_AHEAD; n++) {
      expect(await settled(pace.room())).toBe(true);
      pace.appended(at(n));
    }
    expect(asked).toEqual([]);
    const waiting = [pace.room(), pace.room()];
    expect(await Promise.all(waiting.map(settled))).toEqual([false, false]);
    expect(asked.map(({ position }) => position)).toEqual([at(1), at(1)]);
    for (const { answer } of asked) answer(true);
    expect(await Promise.all(waiting.map(settled))).toEqual([true, true]);
    // The other append is still ahead.
    pace.appended(at(9));
    expect(await settled(pace.room())).toBe(false);
    expect(asked.at(-1)!.position).toEqual(at(2));
  });

  test('waits for a single append that the facts have not passed after a second', async () => {
    pace.appended(at(1));
    now = 1001;
    expect(await settled(pace.room())).toBe(false);
  });

  test.each([false, new Error('the view is away')])(
    'does not wait again while the facts stand still (%s)',
    async (end) => {
      pace.appended(at(1));
      pace.appended(at(2));
      const waiting = pace.room();
      expect(await settled(waiting)).toBe(false);
      asked[0]!.answer(end);
      expect(await settled(waiting)).toBe(true);
      for (let n = 3; n < 100; n++) {
        expect(await settled(pace.room())).toBe(true);
        pace.appended(at(n));
      }
      expect(asked).toHaveLength(1);
      now = 30_001;
      pace.appended(at(100));
      pace.appended(at(101));
      expect(await settled(pace.room())).toBe(false);
    },
  );
});
