import fc from 'fast-check';
import { expect, it } from 'vitest';
import { type HandledPart, withoutOverlaps } from './receipts.ts';

const RECEIPT = 'r-1';
const totalOf = (parts: readonly HandledPart[]): number =>
  parts.flatMap((p) => Object.values(p.counts)).reduce((a, b) => a + b, 0);
/** Reports of events at these offsets of an inbound partition, in batches with these boundaries. */
function reports(offsets: readonly number[], cuts: readonly number[], outcome: string): HandledPart[] {
  return cuts.slice(1).flatMap((next, i) => {
    const from = cuts[i]!;
    const count = offsets.filter((o) => o >= from && o < next).length;
    return count === 0
      ? []
      : [
          {
            receipt: RECEIPT,
            deriver: 'resources',
            inbound: 'payer.member-events/0',
            from,
            next,
            counts: { [outcome]: count },
            items: [],
          },
        ];
  });
}
const END = 40;
const cutsFrom = (start: fc.Arbitrary<number>, end: fc.Arbitrary<number>): fc.Arbitrary<number[]> =>
  fc
    .tuple(start, end, fc.uniqueArray(fc.integer({ min: 1, max: END - 1 }), { maxLength: 8 }))
    .map(([a, b, inner]) => [
      Math.min(a, b),
      ...inner.filter((c) => c > Math.min(a, b) && c < Math.max(a, b)).toSorted((x, y) => x - y),
      Math.max(a, b),
    ]);

it('counts every event once, however often its batches are reported and with any boundaries', () => {
  fc.assert(
    fc.property(
      fc.uniqueArray(fc.nat(END - 1), { minLength: 1 }),
      cutsFrom(fc.constant(0), fc.constant(END)),
      fc.array(cutsFrom(fc.nat(END), fc.nat(END)), { maxLength: 4 }),
      fc.infiniteStream(fc.nat()),
      (offsets, committed, others, random) => {
        const parts = [
          ...reports(offsets, committed, 'recorded'),
          ...others.flatMap((cuts) => reports(offsets, cuts, 'unchanged')),
        ];
        const shuffled = parts
          .map((part) => ({ part, at: random.next().value as number }))
          .toSorted((a, b) => a.at - b.at)
          .map(({ part }) => part);
        const kept = withoutOverlaps(shuffled);
        expect(totalOf(kept)).toBe(offsets.length);
        // The first instance reports `recorded`. An instance that got the event again can only report `unchanged`.
        expect(kept.reduce((n, p) => n + (p.counts['recorded'] ?? 0), 0)).toBe(offsets.length);
      },
    ),
  );
});

it('keeps the rows of other derivers and partitions', () => {
  const part = (deriver: string, inbound: string): HandledPart => ({
    receipt: RECEIPT,
    deriver,
    inbound,
    from: 0,
    next: 5,
    counts: { recorded: 1 },
    items: [],
  });
  const parts = [part('resources', 't/0'), part('resources', 't/1'), part('consent', 't/0')];
  expect(totalOf(withoutOverlaps(parts))).toBe(3);
});
