import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { BusinessCalendar, type CalendarRules, DEFAULT_RULES, isIsoDate, WEEKDAYS } from './business-calendar.ts';

const at = (text: string): number => Date.parse(text);
const iso = (ms: number): string => new Date(ms).toISOString();
const newYork = new BusinessCalendar({ ...DEFAULT_RULES, holidays: ['2026-11-26', '2026-12-25', '2027-01-01'] });

describe('R11: one business day after', () => {
  it.each([
    ['a Tuesday morning is Wednesday morning', '2026-11-10T10:00:00-05:00', '2026-11-11T10:00:00-05:00'],
    ['a Friday afternoon is Monday afternoon', '2026-11-13T16:00:00-05:00', '2026-11-16T16:00:00-05:00'],
    [
      'the last moment of Friday is the last of Monday',
      '2026-11-13T23:59:59.999-05:00',
      '2026-11-16T23:59:59.999-05:00',
    ],
    ['the first moment of Saturday is the end of Monday', '2026-11-14T00:00:00-05:00', '2026-11-17T00:00:00-05:00'],
    ['a Sunday night is the end of Monday', '2026-11-15T23:30:00-05:00', '2026-11-17T00:00:00-05:00'],
    ['the day before a holiday is the day after it', '2026-11-25T09:00:00-05:00', '2026-11-27T09:00:00-05:00'],
    ['a holiday is the end of the day after it', '2026-11-26T09:00:00-05:00', '2026-11-28T00:00:00-05:00'],
    [
      'Christmas Eve is the Monday after Christmas on a Friday',
      '2026-12-24T12:00:00-05:00',
      '2026-12-28T12:00:00-05:00',
    ],
    [
      'a day of 23 hours in between changes nothing: Friday to Monday',
      '2026-03-06T16:00:00-05:00',
      '2026-03-09T16:00:00-04:00',
    ],
    ['a day of 25 hours in between changes nothing', '2026-10-30T16:00:00-04:00', '2026-11-02T16:00:00-05:00'],
    ['UTC midnight is still the evening before here', '2026-11-14T03:00:00Z', '2026-11-17T03:00:00Z'],
  ])('%s', (_what, start, deadline) => {
    expect(iso(newYork.deadline(at(start)))).toBe(iso(at(deadline)));
  });

  const always: CalendarRules = { timeZone: 'America/New_York', days: WEEKDAYS, holidays: [] };
  it.each([
    [
      'a time that is skipped is when clocks go forward',
      always,
      '2026-03-07T02:30:00-05:00',
      '2026-03-08T03:00:00-04:00',
    ],
    ['a time that comes twice is the first of them', always, '2026-10-31T01:30:00-04:00', '2026-11-01T01:30:00-04:00'],
    [
      'the second 01:30 of a day has the next 01:30 as well',
      always,
      '2026-11-01T01:30:00-05:00',
      '2026-11-02T01:30:00-05:00',
    ],
    [
      'a zone whose midnight is skipped',
      { ...always, timeZone: 'Africa/Cairo' },
      '2026-04-23T00:00:00+02:00',
      '2026-04-24T01:00:00+03:00',
    ],
    [
      'a zone with half an hour',
      { ...always, timeZone: 'Asia/Kolkata' },
      '2026-03-07T02:30:00+05:30',
      '2026-03-08T02:30:00+05:30',
    ],
    [
      'a week from Sunday to Thursday',
      { timeZone: 'Asia/Riyadh', days: ['sun', 'mon', 'tue', 'wed', 'thu'], holidays: [] } as CalendarRules,
      '2026-11-12T10:00:00+03:00',
      '2026-11-15T10:00:00+03:00',
    ],
    [
      'a day that an island left out: its last moment before',
      { ...always, timeZone: 'Pacific/Apia' },
      '2011-12-29T10:00:00-10:00',
      '2011-12-31T00:00:00+14:00',
    ],
  ])('%s', (_what, rules, start, deadline) => {
    expect(iso(new BusinessCalendar(rules).deadline(at(start)))).toBe(iso(at(deadline)));
  });

  it('knows local days, and which of them are holidays', () => {
    expect(newYork.dayOf(at('2026-11-14T03:00:00Z'))).toBe('2026-11-13');
    // A day of 23 hours.
    const moments = ['2026-03-08T00:00:00-05:00', '2026-03-08T23:59:59.999-04:00', '2026-03-09T00:00:00-04:00'];
    expect(moments.map((moment) => newYork.dayOf(at(moment)))).toEqual(['2026-03-08', '2026-03-08', '2026-03-09']);
    expect(newYork.holidaysBetween(at('2026-11-25T09:00:00-05:00'), at('2026-12-25T01:00:00-05:00'))).toEqual([
      '2026-11-26',
      '2026-12-25',
    ]);
  });
});

describe('the share that is used', () => {
  it.each([
    ['nothing at the start', '2026-11-13T16:00:00-05:00', '2026-11-13T16:00:00-05:00', 0],
    ['a third at midnight of Friday', '2026-11-13T16:00:00-05:00', '2026-11-14T00:00:00-05:00', 1 / 3],
    ['still a third on Sunday', '2026-11-13T16:00:00-05:00', '2026-11-15T20:00:00-05:00', 1 / 3],
    ['half at four in the morning of Monday', '2026-11-13T16:00:00-05:00', '2026-11-16T04:00:00-05:00', 0.5],
    ['all at the deadline', '2026-11-13T16:00:00-05:00', '2026-11-16T16:00:00-05:00', 1],
    ['more with the clock afterwards', '2026-11-10T10:00:00-05:00', '2026-11-11T22:00:00-05:00', 1.5],
  ])('%s', (_what, start, now, share) => {
    expect(newYork.usedShare(at(start), at(now))).toBeCloseTo(share, 9);
  });
});

describe('whatever the calendar', () => {
  const HOUR = 3_600_000;
  const zones = fc.constantFrom(
    'UTC',
    'America/New_York',
    'America/Los_Angeles',
    'Pacific/Honolulu',
    'Asia/Kolkata',
    'Australia/Lord_Howe',
    'Europe/Berlin',
  );
  const moment = fc.integer({ min: at('2024-01-01T00:00:00Z'), max: at('2030-01-01T00:00:00Z') });
  const rulesIn = (zone: fc.Arbitrary<string>): fc.Arbitrary<CalendarRules> =>
    fc.record({
      timeZone: zone,
      days: fc.uniqueArray(fc.constantFrom(...WEEKDAYS), { minLength: 1 }),
      holidays: fc.uniqueArray(
        moment.map((ms) => iso(ms).slice(0, 10)),
        { maxLength: 20 },
      ),
    });

  /** By the rules alone. */
  const isBusinessDay = ({ days, holidays }: CalendarRules, day: string): boolean =>
    days.includes(WEEKDAYS[new Date(day).getUTCDay()]!) && !holidays.includes(day);

  it('a deadline is later than its start, on or at the end of a business day, and no sooner one lies between', () => {
    fc.assert(
      fc.property(rulesIn(zones), moment, (rules, start) => {
        const calendar = new BusinessCalendar(rules);
        const deadline = calendar.deadline(start);
        expect(deadline).toBeGreaterThan(start);
        const [first, last] = [calendar.dayOf(start), calendar.dayOf(deadline - 1)];
        const between = [];
        for (let d = Date.parse(first) + 24 * HOUR; d <= Date.parse(last); d += 24 * HOUR)
          if (isBusinessDay(rules, iso(d).slice(0, 10))) between.push(d);
        // A deadline at the very first moment of a day belongs to the day before it.
        expect(between.length).toBeLessThanOrEqual(1);
        expect(isBusinessDay(rules, last) || isBusinessDay(rules, calendar.dayOf(deadline))).toBe(true);
      }),
    );
  });

  it('without changes of the clock it gives exactly the hours of one business day', () => {
    fc.assert(
      fc.property(rulesIn(fc.constant('UTC')), moment, fc.integer({ min: 1, max: 10 * 24 }), (rules, start, hours) => {
        const calendar = new BusinessCalendar(rules);
        const deadline = calendar.deadline(start);
        let used = 0;
        for (let d = Date.parse(calendar.dayOf(start)); d < deadline; d += 24 * HOUR) {
          if (isBusinessDay(rules, iso(d).slice(0, 10))) used += Math.min(d + 24 * HOUR, deadline) - Math.max(d, start);
        }
        expect(used).toBe(24 * HOUR);
        // A later request never has an earlier deadline.
        expect(calendar.deadline(start + hours * HOUR)).toBeGreaterThanOrEqual(deadline);
      }),
    );
  });

  it('a later request is never due earlier, except in the hour that a clock repeats', () => {
    fc.assert(
      fc.property(rulesIn(zones), moment, fc.integer({ min: 1, max: 100 * HOUR }), (rules, start, later) => {
        const calendar = new BusinessCalendar(rules);
        expect(calendar.deadline(start + later)).toBeGreaterThanOrEqual(calendar.deadline(start) - HOUR);
      }),
    );
  });

  it('the share grows from 0 to 1 at the deadline, and on', () => {
    fc.assert(
      fc.property(
        rulesIn(zones),
        moment,
        fc.double({ min: 0, max: 2, noNaN: true }),
        fc.double({ min: 0, max: 2, noNaN: true }),
        (rules, start, a, b) => {
          const calendar = new BusinessCalendar(rules);
          const deadline = calendar.deadline(start);
          const [first, second] = [Math.min(a, b), Math.max(a, b)].map((x) =>
            calendar.usedShare(start, start + x * (deadline - start)),
          );
          expect(first).toBeLessThanOrEqual(second! + 1e-9);
          expect(calendar.usedShare(start, deadline)).toBe(1);
          if (a < 1) expect(calendar.usedShare(start, start + a * (deadline - start))).toBeLessThanOrEqual(1);
          if (b > 1.001) expect(calendar.usedShare(start, start + b * (deadline - start))).toBeGreaterThan(1);
        },
      ),
    );
  });
});

it('refuses an invalid calendar', () => {
  expect(() => new BusinessCalendar({ ...DEFAULT_RULES, days: [] })).toThrow(RangeError);
  expect(() => new BusinessCalendar({ ...DEFAULT_RULES, timeZone: 'Mars/Base' })).toThrow(RangeError);
  const year = Array.from({ length: 401 }, (_, i) => iso(at('2026-01-01') + i * 86_400_000).slice(0, 10));
  expect(() => new BusinessCalendar({ ...DEFAULT_RULES, holidays: year }).deadline(at('2026-01-01T00:00:00Z'))).toThrow(
    RangeError,
  );
  expect(['2026-02-28', '2026-02-30', '2026-2-3', 'x'].map(isIsoDate)).toEqual([true, false, false, false]);
});
