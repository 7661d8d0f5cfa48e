import { describe, expect, it } from 'vitest';
import { HeardMembers } from './heard-members.ts';

const BOUND = 5000;

describe('facts in memory of a member about whom an event was heard', () => {
  function opened() {
    let now = 1_000_000;
    const heard = new HeardMembers(BOUND, () => now);
    return {
      /** The offset of an event in `pa.consent/partition`. */
      hear: (member: string, offset: number, partition = 0, topic = 'pa.consent'): void =>
        heard.heard(member, { topic, partition, offset }),
      /** The next offsets of `pa.consent`. */
      pass: (...next: number[]): void => heard.passed({ topics: { 'pa.consent': next } }),
      /** Whether facts that a read found at a time are used now. */
      isUsed: (member: string, readAt: number): boolean => now - readAt <= heard.withinMs(member),
      wait: (ms: number): number => (now += ms),
    };
  }

  it('are used for as long as the bound, if nothing was heard', () => {
    const { isUsed, wait } = opened();
    const readAt = wait(0);
    expect(isUsed('m', readAt)).toBe(true);
    wait(BOUND);
    expect(isUsed('m', readAt)).toBe(true);
    wait(1);
    expect(isUsed('m', readAt)).toBe(false);
  });

  it('are used only if they were read after the view had passed the event', () => {
    const { hear, pass, isUsed, wait } = opened();
    const before = wait(0);
    wait(1);
    hear('m', 7);
    expect([isUsed('m', before), isUsed('other', before)]).toEqual([false, true]);
    const early = wait(1);
    pass(7);
    expect(isUsed('m', early)).toBe(false);
    wait(1);
    pass(8);
    expect([isUsed('m', before), isUsed('m', early)]).toEqual([false, false]);
    const late = wait(1);
    expect(isUsed('m', late)).toBe(true);
    // As long as an early one could be young enough, it is not used.
    wait(BOUND - 2);
    pass(8);
    expect([isUsed('m', early), isUsed('m', late)]).toEqual([false, true]);
    hear('m', 8);
    expect(isUsed('m', late)).toBe(false);
  });

  it('wait for each partition and topic in which an event was heard', () => {
    const { hear, pass, isUsed, wait } = opened();
    hear('m', 7, 0);
    hear('m', 3, 1);
    hear('m', 5, 1);
    pass(8, 4);
    expect(isUsed('m', wait(1))).toBe(false);
    pass(7, 6);
    expect(isUsed('m', wait(1))).toBe(true);
    hear('m', 0, 0, 'pa.attribution');
    pass(100, 100);
    expect(isUsed('m', wait(1))).toBe(false);
  });

  it('are those of nobody while too many members wait, and of all again later', () => {
    const { hear, pass, isUsed, wait } = opened();
    for (let i = 0; i <= 10_000; i++) hear(`m${i}`, i);
    const early = wait(1);
    expect([isUsed('m1', early), isUsed('nobody', early)]).toEqual([false, false]);
    pass(10_000);
    expect([isUsed('m1', early), isUsed('nobody', early)]).toEqual([false, false]);
    wait(1);
    pass(10_001);
    const late = wait(1);
    expect([isUsed('m1', early), isUsed('nobody', early)]).toEqual([false, false]);
    expect([isUsed('m1', late), isUsed('nobody', late)]).toEqual([true, true]);
  });

  it('are not used too early, however many members were heard of within the bound', () => {
    const { hear, pass, isUsed, wait } = opened();
    for (let round = 0; round < 4; round++) {
      for (let i = 0; i < 6000; i++) hear(`m${round}-${i}`, round);
      const early = wait(1);
      wait(1);
      pass(round + 1);
      expect([isUsed(`m${round}-0`, early), isUsed(`m${round}-5999`, early)]).toEqual([false, false]);
      expect(isUsed(`m${round}-0`, wait(1))).toBe(true);
    }
    const now = wait(3 * BOUND);
    pass(4);
    expect([isUsed('m0-0', now), isUsed('m3-0', now)]).toEqual([true, true]);
  });
});
