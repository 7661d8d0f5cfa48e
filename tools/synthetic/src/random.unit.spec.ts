import { describe, expect, it } from 'vitest';
import { Random } from './random.ts';

const draw = (random: Random, n = 50): number[] => Array.from({ length: n }, () => random.bits());

describe('Random', () => {
  it('gives the same stream for the same key and another for another', () => {
    const first = draw(Random.keyed('s', 'member', 57, 'claims'));
    expect(draw(Random.keyed('s', 'member', 57, 'claims'))).toEqual(first);
    for (const key of [
      ['s', 'member', 57, 'visits'],
      ['s', 'member', 58, 'claims'],
      ['t', 'member', 57, 'claims'],
      ['s', 'member', 5, '7', 'claims'],
    ] as const)
      expect(draw(Random.keyed(...key))).not.toEqual(first);
  });

  it('is uniform over streams that differ in one digit', () => {
    const units = Array.from({ length: 4_000 }, (_, i) => Random.keyed('s', i).unit());
    for (let tenth = 0; tenth < 10; tenth++) {
      const share = units.filter((u) => Math.floor(u * 10) === tenth).length / units.length;
      expect(share).toBeGreaterThan(0.08);
      expect(share).toBeLessThan(0.12);
    }
  });

  it('keeps the bounds of an integer and reaches both ends', () => {
    const random = Random.keyed('bounds');
    const seen = new Set(Array.from({ length: 300 }, () => random.int(3, 6)));
    expect([...seen].sort()).toEqual([3, 4, 5, 6]);
  });

  it.each([0.24, 2.4, 17.2, 60])('draws Poisson counts of mean %s', (mean) => {
    const random = Random.keyed('poisson', mean);
    const counts = Array.from({ length: 6_000 }, () => random.poisson(mean));
    const average = counts.reduce((a, b) => a + b, 0) / counts.length;
    expect(Math.abs(average - mean)).toBeLessThan(5 * Math.sqrt(mean / counts.length));
  });

  it('draws nothing from a mean of nothing', () => expect(Random.keyed('x').poisson(0)).toBe(0));

  it('follows weights, and never picks a weight of zero', () => {
    const random = Random.keyed('weights');
    const picks = Array.from({ length: 2_000 }, () =>
      random.weighted([
        [1, 'a'],
        [3, 'b'],
        [0, 'c'],
      ] as const),
    );
    expect(picks.filter((p) => p === 'b').length / picks.length).toBeCloseTo(0.75, 1);
    expect(picks).toEqual(expect.not.arrayContaining(['c']));
  });
});
