import fc from 'fast-check';
import { expect, it } from 'vitest';
import { BusinessCalendar, DEFAULT_RULES } from './business-calendar.ts';
import { added, deadlineOf, EMPTY_TALLY, measure, objectiveOf, quantile, tallied, usedShareOf } from './measure.ts';

const at = (text: string): number => Date.parse(text);
const calendar = new BusinessCalendar({ ...DEFAULT_RULES, holidays: ['2026-11-26', '2026-12-25'] });

it('measures requests that started together by the day of their start, to the ms of the deadline', () => {
  const wednesday = at('2026-11-25T09:00:00-05:00');
  const end = at('2026-11-27T09:00:00-05:00');
  const measured = measure(
    {
      scope: 'payer.member-events/3',
      from: 10,
      next: 20,
      starts: [
        { objective: 'claims-visible', offset: 11, at: wednesday },
        { objective: 'claims-visible', offset: 12, at: wednesday - 1 },
        { objective: 'prior-authorization-visible', offset: 13, at: end - 5 },
        { objective: 'claims-visible', offset: 14, at: end + 60_000 },
      ],
    },
    end,
    calendar,
  );
  expect(measured).toEqual({
    scope: 'payer.member-events/3',
    from: 10,
    next: 20,
    endedAt: new Date(end).toISOString(),
    calendar: { timeZone: 'America/New_York', days: ['mon', 'tue', 'wed', 'thu', 'fri'], holidays: ['2026-11-26'] },
    days: [
      {
        objective: 'claims-visible',
        day: '2026-11-25',
        items: [
          [11, 48 * 3600_000, 1],
          [12, 48 * 3600_000 + 1, 0],
        ],
      },
      { objective: 'prior-authorization-visible', day: '2026-11-27', items: [[13, 5, 1]] },
      // The payer's clock is ahead, so the duration is 0.
      { objective: 'claims-visible', day: '2026-11-27', items: [[14, 0, 1]] },
    ],
  });
});

it('an opt-out has a second, and a failure is no answer at any time', () => {
  expect(deadlineOf('opt-out-effective', 5, calendar)).toBe(1005);
  expect([
    usedShareOf('opt-out-effective', 1000, 1500, calendar),
    usedShareOf('opt-out-effective', 1000, 500, calendar),
  ]).toEqual([0.5, 0]);
  const start = { scope: 'export/j', from: 0, next: 1, starts: [{ objective: 'answered' as const, offset: 0, at: 0 }] };
  expect(measure(start, 1, calendar, false).days[0]!.items).toEqual([[0, 1, 0]]);
  expect(measure({ ...start, starts: [] }, 1, calendar).days).toEqual([]);
});

it('R10: knows adjudicated claims and prior authorizations', () => {
  expect(
    ['claim', 'preauthorization', 'predetermination', undefined].map((use) =>
      objectiveOf({ resourceType: 'ExplanationOfBenefit', use }),
    ),
  ).toEqual(['claims-visible', 'prior-authorization-visible', undefined, undefined]);
  expect(objectiveOf({ resourceType: 'Condition', use: 'claim' })).toBeUndefined();
});

const items = fc.array(fc.tuple(fc.integer({ min: 0, max: 40 * 86_400_000 }), fc.boolean()), {
  minLength: 1,
  maxLength: 200,
});
it('tallies add up however they are cut, and quantiles are at most 9 % too high', () => {
  fc.assert(
    fc.property(items, items, fc.double({ min: 0.01, max: 1, noNaN: true }), (a, b, share) => {
      const whole = tallied(EMPTY_TALLY, [...a, ...b]);
      expect(added(tallied(EMPTY_TALLY, a), tallied(EMPTY_TALLY, b))).toEqual(whole);
      expect(tallied(tallied(EMPTY_TALLY, a), b)).toEqual(whole);
      expect(whole.met + whole.missed).toBe(a.length + b.length);
      const sorted = [...a, ...b].map(([ms]) => ms).toSorted((x, y) => x - y);
      const exact = sorted[Math.max(1, Math.ceil(sorted.length * share)) - 1]!;
      const found = quantile(whole, share)!;
      expect(found).toBeGreaterThanOrEqual(Math.min(exact, whole.worst) - 1);
      expect(found).toBeLessThanOrEqual(exact * 1.0906 + 1);
      expect(quantile(whole, 1)).toBe(whole.worst);
    }),
  );
  expect(quantile(EMPTY_TALLY, 0.5)).toBeUndefined();
});
