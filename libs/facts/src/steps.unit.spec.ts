import fc from 'fast-check';
import { expect, it } from 'vitest';
import { cases } from '@provider-access/testing/variant';
import { type NewStep, pieces, type Step, withStep } from './steps.ts';

const instant = (minute: number): string => new Date(Date.UTC(2026, 0, 1, 0, minute)).toISOString();

/**
 * Minutes. The content of one event: from `start` on nothing else counts. It covers [from, to), or nothing without
 * `from`.
 */
interface Said {
  readonly said: number;
  readonly start: number;
  readonly from?: number;
  readonly to?: number;
  readonly recorded: number;
  readonly id: string;
}
/** The reference implementation keeps everything. At a moment, of the events that have started, the newest decides. */
function covered(all: readonly Said[], now: number): boolean {
  const speaking = all
    .filter((s) => s.start <= now)
    .sort((a, b) => a.said - b.said || (a.id < b.id ? -1 : 1))
    .at(-1);
  return speaking?.from !== undefined && speaking.from <= now && (speaking.to === undefined || now < speaking.to);
}
const step = (s: Said): NewStep => ({
  event: s.id,
  businessTime: instant(s.said),
  sequence: 0,
  appliesFrom: instant(s.start),
  ...(s.from !== undefined && { from: instant(s.from) }),
  ...(s.to !== undefined && { until: instant(s.to) }),
});
const story = fc
  .array(
    fc.record({
      said: fc.integer({ min: 0, max: 200 }),
      start: fc.integer({ min: 0, max: 120 }),
      length: fc.option(fc.integer({ min: 1, max: 60 }), { nil: undefined }),
      ends: fc.boolean(),
      later: fc.integer({ min: 0, max: 4 }),
    }),
    { minLength: 1, maxLength: 60 },
  )
  .map((list) => {
    let recorded = 20;
    return list.map(({ said, start, length, ends, later }, n): Said => ({
      said,
      start,
      id: `e${String(n).padStart(3, '0')}`,
      recorded: (recorded += later),
      ...(!ends && { from: start, ...(length !== undefined && { to: start + length }) }),
    }));
  });
const holdsAt = (steps: readonly Step[], now: number) =>
  pieces(steps).find((p) => p.from <= instant(now) && (p.to === undefined || instant(now) < p.to));

it('steps that were dropped never count again: the state is that of all steps together, in any order', () => {
  fc.assert(
    fc.property(story, fc.array(fc.integer({ min: 0, max: 150 }), { minLength: 3, maxLength: 3 }), (all, later) => {
      let steps: readonly Step[] = [];
      all.forEach((s, n) => {
        steps = withStep(steps, step(s), instant(s.recorded)) ?? steps;
        for (const now of [0, ...later].map((minutes) => s.recorded + minutes)) {
          expect(holdsAt(steps, now) !== undefined, `minute ${now} after ${n}`).toBe(covered(all.slice(0, n + 1), now));
        }
      });
    }),
    { numRuns: cases(300) },
  );
});

it('a renewal each night is one span since the first, and stays small', () => {
  let steps: readonly Step[] = [];
  const sizes: number[] = [];
  for (let n = 0; n < 1_000; n++) {
    steps = withStep(
      steps,
      step({ id: `e${String(n).padStart(4, '0')}`, said: n, start: n, from: n, recorded: n }),
      instant(n),
    )!;
    sizes.push(JSON.stringify(steps).length);
  }
  expect(sizes.at(-1)).toBeLessThanOrEqual(sizes[9]!);
  expect(pieces(steps)).toMatchObject([{ from: instant(0), recordedAt: instant(0) }]);
});

it('a span after a break is seen since the break, also when older ones are dropped', () => {
  let steps: readonly Step[] = [];
  const say = (n: number, more: Partial<Said>): void =>
    void (steps = withStep(
      steps,
      step({ id: `e${String(n).padStart(4, '0')}`, said: n, start: n, recorded: n, ...more }),
      instant(n),
    )!);
  for (let n = 0; n < 30; n++) say(n, { from: n });
  say(30, {});
  for (let n = 40; n < 80; n++) say(n, { from: n });
  expect(steps.length).toBeLessThanOrEqual(8);
  expect(pieces(steps)).toMatchObject([{ from: instant(40), recordedAt: instant(40) }]);
});

it('of very many steps ahead the last ones hold nothing', () => {
  let steps: readonly Step[] = [];
  for (let n = 0; n < 200; n++)
    steps =
      withStep(
        steps,
        step({ id: `e${String(n).padStart(4, '0')}`, said: n, start: 1_000 + n, from: 1_000 + n, recorded: n }),
        instant(n),
      ) ?? steps;
  expect(steps.length).toBeLessThanOrEqual(50);
  expect(holdsAt(steps, 1_010)).toBeDefined();
  expect(holdsAt(steps, 5_000)).toBeUndefined();
});

// The newest time of recording moves the time of a decision (ADR 0016): the member would have access before its start.
it('a statement that continues a state of a later day is recorded when it came, and not on that day', () => {
  const first = step({ said: 1, start: 100, from: 100, to: 200, recorded: 1, id: 'a' });
  const second = step({ said: 2, start: 150, from: 150, recorded: 2, id: 'b' });
  const steps = withStep(withStep([], first, instant(1))!, second, instant(2))!;
  expect(steps.map(({ recordedAt }) => recordedAt)).toEqual([instant(1), instant(2)]);
  expect(pieces(steps)).toMatchObject([{ from: instant(100), recordedAt: instant(1) }]);
});

it('tells on which coverage an interval depended before it continued with another one', () => {
  const stated = (event: string, from: number, coverageId: string | undefined): Step => ({
    event,
    businessTime: instant(from),
    sequence: 0,
    appliesFrom: instant(from),
    from: instant(from),
    recordedAt: instant(0),
    ...(coverageId !== undefined && { coverageId }),
  });
  expect(pieces([stated('a', 1, 'A'), stated('b', 2, 'B'), stated('c', 3, 'B'), stated('d', 4, undefined)])).toEqual([
    {
      from: instant(1),
      recordedAt: instant(0),
      event: 'd',
      formerly: [
        { until: instant(2), coverageId: 'A' },
        { until: instant(4), coverageId: 'B' },
      ],
    },
  ]);
  expect(pieces([stated('a', 1, 'A'), stated('b', 2, 'A')])[0]).not.toHaveProperty('formerly');
});
