import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { cases } from '@provider-access/testing/variant';
import { PayerDays } from '../days/index.ts';
import { addDays, type CoveredDays, nextNotice, nextYear, type NoticeFacts } from './due.ts';

const person = (over: Partial<NoticeFacts> = {}): NoticeFacts => ({
  coverage: [{ from: '2027-01-01', accepted: '2026-12-10' }],
  notices: [],
  ...over,
});
const sent = (on: string, of = 'm1') => ({ on, of });
const covered = (from: string, until?: string, accepted = from): CoveredDays => ({
  from,
  accepted,
  ...(until !== undefined && { until }),
});

/** Written from 42 CFR 422.121(a)(4)(ii) and PEOPLE.md N30 to N32, N40. */
describe('a notice is due', () => {
  test.each<[string, NoticeFacts, string | undefined, string | undefined]>([
    ['N31: a week after coverage starts', person(), '2026-12-20', 'enrolment 2027-01-08'],
    [
      'N31: a week after the acceptance, where it is later',
      person({ coverage: [covered('2027-01-01', undefined, '2027-02-10')] }),
      '2027-02-11',
      'enrolment 2027-02-17',
    ],
    ['N30: before the first exchange', person({ attributedFrom: '2026-06-01' }), '2026-12-20', 'first 2026-12-31'],
    [
      'N30: before the attribution begins, if coverage began before, and within the week all the same',
      person({ attributedFrom: '2027-03-01' }),
      '2027-01-02',
      'enrolment 2027-01-08',
    ],
    [
      'N30: attribution after the end of the coverage asks for no first notice',
      person({ coverage: [covered('2027-01-01', '2027-01-05')], attributedFrom: '2027-03-01' }),
      '2027-01-02',
      'enrolment 2027-01-08',
    ],
    [
      'N30, N60: before the line of business starts, which is the first exchange',
      person({ coverage: [{ ...covered('2026-01-01'), opensOn: '2027-04-01' }], attributedFrom: '2026-06-01' }),
      '2026-12-20',
      'first 2027-03-31',
    ],
    [
      'N31, N60: a week after the line of business starts',
      person({ coverage: [{ ...covered('2026-01-01'), opensOn: '2027-04-01' }] }),
      '2026-12-20',
      'enrolment 2027-04-08',
    ],
    [
      'N60: nothing while the line has no start',
      person({ coverage: [{ ...covered('2026-01-01'), opensOn: 'never' }], attributedFrom: '2026-06-01' }),
      '2026-12-20',
      undefined,
    ],
    [
      'N60: nothing if the line starts when the coverage is over',
      person({ coverage: [{ ...covered('2026-01-01', '2027-01-01'), opensOn: '2027-01-01' }] }),
      '2026-12-20',
      undefined,
    ],
    [
      'N60: a line that started before the coverage postpones nothing',
      person({ coverage: [{ ...covered('2027-03-01'), opensOn: '2027-01-01' }] }),
      '2027-02-20',
      'enrolment 2027-03-08',
    ],
    [
      'N60: the first line of an enrolment that starts counts',
      person({
        coverage: [
          { ...covered('2026-01-01'), opensOn: '2027-04-01' },
          { ...covered('2026-02-01'), opensOn: '2027-02-01' },
          { ...covered('2026-03-01'), opensOn: 'never' },
        ],
      }),
      '2026-12-20',
      'enrolment 2027-02-08',
    ],
    [
      'N32, N60: the yearly notice stays on the list, so that nobody who was told before is forgotten',
      person({ coverage: [{ ...covered('2026-01-01'), opensOn: '2028-01-01' }], notices: [sent('2026-06-01')] }),
      '2026-12-20',
      'yearly 2027-06-01',
    ],
    [
      'N37: sent before it was due counts',
      person({ notices: [sent('2026-11-02')] }),
      '2027-01-02',
      'yearly 2027-11-02',
    ],
    ['N32: a year after the last one', person({ notices: [sent('2027-01-05')] }), '2027-06-01', 'yearly 2028-01-05'],
    ['N32: 29 February', person({ notices: [sent('2028-02-29')] }), '2028-03-01', 'yearly 2029-02-28'],
    ['N32: stays due when it is late', person({ notices: [sent('2027-01-05')] }), '2029-06-01', 'yearly 2028-01-05'],
    [
      'N32: not after the coverage has ended',
      person({ coverage: [covered('2027-01-01', '2028-01-01')], notices: [sent('2027-01-05')] }),
      '2027-06-01',
      undefined,
    ],
    [
      'N32: on the last day of the coverage',
      person({ coverage: [covered('2027-01-01', '2028-01-01')], notices: [sent('2026-12-31')] }),
      '2027-06-01',
      'yearly 2027-12-31',
    ],
    ['nothing without coverage', person({ coverage: [], attributedFrom: '2027-01-01' }), '2027-01-01', undefined],
    [
      'nothing after the coverage has ended',
      person({ coverage: [covered('2026-01-01', '2027-01-01')] }),
      '2027-01-01',
      undefined,
    ],
    [
      'nothing for a coverage that was cancelled before it began',
      person({ coverage: [covered('2027-01-01', '2027-01-01')] }),
      '2026-12-01',
      undefined,
    ],
    [
      'N40: re-enrolment after a gap of one day starts again',
      person({ coverage: [covered('2027-01-01', '2027-07-01'), covered('2027-07-02')], notices: [sent('2027-01-05')] }),
      '2027-07-03',
      'enrolment 2027-07-09',
    ],
    [
      'N40: coverage that follows without a day between does not start again',
      person({ coverage: [covered('2027-07-01'), covered('2027-01-01', '2027-07-01')], notices: [sent('2027-01-05')] }),
      '2027-07-03',
      'yearly 2028-01-05',
    ],
    [
      'N40: overlapping coverage does not start again',
      person({ coverage: [covered('2027-01-01', '2027-09-01'), covered('2027-03-01')], notices: [sent('2027-01-05')] }),
      '2027-07-03',
      'yearly 2028-01-05',
    ],
    [
      'N40: a notice in the gap counts for the next enrolment',
      person({ coverage: [covered('2027-01-01', '2027-07-01'), covered('2027-08-01')], notices: [sent('2027-07-01')] }),
      '2027-08-03',
      'yearly 2028-07-01',
    ],
    [
      'N40: a notice on the last day before the gap does not',
      person({ coverage: [covered('2027-01-01', '2027-07-01'), covered('2027-08-01')], notices: [sent('2027-06-30')] }),
      '2027-08-03',
      'enrolment 2027-08-08',
    ],
    [
      'N40: a merge keeps the older notice',
      person({ notices: [sent('2027-01-05', 'm1'), sent('2027-04-05', 'm2')], mergedOn: '2027-05-01' }),
      '2027-06-01',
      'yearly 2028-01-05',
    ],
    [
      'N40: of each id the newest notice counts',
      person({
        notices: [sent('2027-01-05', 'm1'), sent('2027-06-05', 'm1'), sent('2027-04-05', 'm2')],
        mergedOn: '2027-07-01',
      }),
      '2027-08-01',
      'yearly 2028-04-05',
    ],
    [
      'N40: a notice after the merge is for the whole person',
      person({
        notices: [sent('2027-01-05', 'm1'), sent('2027-04-05', 'm2'), sent('2027-05-01', 'm2')],
        mergedOn: '2027-05-01',
      }),
      '2027-06-01',
      'yearly 2028-05-01',
    ],
    [
      'N40: a merge with an id that got none keeps the notice',
      person({ notices: [sent('2027-01-05', 'm2')], mergedOn: '2027-05-01', attributedFrom: '2027-01-01' }),
      '2027-06-01',
      'yearly 2028-01-05',
    ],
  ])('%s', (_, facts, today, expected) => {
    const next = nextNotice(facts, today);
    expect(next && `${next.kind} ${next.due}`).toBe(expected);
  });

  test('on 29 February of a leap year, and of 2100 too', () => {
    expect([nextYear('2027-02-28'), nextYear('2028-02-29'), nextYear('2099-03-01'), nextYear('2096-02-29')]).toEqual([
      '2028-02-28',
      '2029-02-28',
      '2100-03-01',
      '2097-02-28',
    ]);
    expect([addDays('2028-02-25', 7), addDays('2100-02-25', 7), addDays('2027-12-28', 7)]).toEqual([
      '2028-03-03',
      '2100-03-04',
      '2028-01-04',
    ]);
  });
});

const DAY_MS = 86_400_000;
const START = Date.UTC(2026, 0, 1) / DAY_MS;
const iso = (day: number): string => new Date((START + day) * DAY_MS).toISOString().slice(0, 10);

/** The rule day by day: a simulation that knows neither periods nor intervals. */
function simulated(
  spans: readonly (readonly [from: number, days: number])[],
  noticeDays: readonly number[],
  today: number,
) {
  const last = 800;
  const isCovered = Array.from({ length: last + 1 }, (_, day) =>
    spans.some(([from, days]) => day >= from && day < from + days),
  );
  const due: number[] = [];
  let begun: number | undefined;
  let endedBefore = -Infinity;
  for (let day = 0; day <= last; day++) {
    if (isCovered[day]! && (day === 0 || !isCovered[day - 1])) begun = day;
    if (begun !== undefined && (!isCovered[day]! || day === last)) {
      const isOver = !isCovered[day]! && day <= today;
      if (!isOver && !noticeDays.some((at) => at >= endedBefore)) due.push(begun + 7);
      begun = undefined;
      endedBefore = day;
    }
  }
  const newest = Math.max(...noticeDays);
  if (noticeDays.length > 0) {
    // No leap day lies in 2026 and 2027, in which notices are drawn.
    const year = newest + 365;
    let end = year;
    while (end <= last && isCovered[end]!) end++;
    if (year <= last && isCovered[year]! && (end > last || end > today)) due.push(year);
  }
  return due.length === 0 ? undefined : iso(Math.min(...due));
}

test('N31, N32, N40: agrees with a simulation day by day', () => {
  fc.assert(
    fc.property(
      fc.array(fc.tuple(fc.integer({ min: 1, max: 500 }), fc.integer({ min: 0, max: 200 })), { maxLength: 5 }),
      fc.array(fc.integer({ min: 0, max: 400 }), { maxLength: 4 }),
      fc.integer({ min: 0, max: 600 }),
      (spans, noticeDays, today) => {
        const facts: NoticeFacts = {
          coverage: spans.map(([from, days]) => covered(iso(from), iso(from + days))),
          notices: noticeDays.map((day) => sent(iso(day))),
        };
        expect(nextNotice(facts, iso(today))?.due).toBe(simulated(spans, noticeDays, today));
      },
    ),
    { numRuns: 2000 },
  );
});

/** Independent of the product's time zones: the day as Intl writes it. */
const localDay = (at: number, timeZone: string): string =>
  new Intl.DateTimeFormat('sv-SE', { timeZone, year: 'numeric', month: '2-digit', day: '2-digit' }).format(at);

test.each(['America/New_York', 'Pacific/Honolulu', 'Pacific/Guam'])(
  'N31, N40: enrolments of 1,200 days are due on the right day in %s, also when the clocks change',
  (zone) => {
    const days = new PayerDays([zone]);
    for (let n = 0; n < cases(1200); n++) {
      const from = iso(n % 1200);
      const begins = days.permitsFrom(from);
      expect(days.daysAt(begins)).toEqual({ first: from, last: from });
      expect(localDay(begins, zone)).toBe(from);
      const moment = begins + ((n * 7919) % 86_400) * 1000;
      expect(days.daysAt(moment).first).toBe(localDay(moment, zone));
      const next = nextNotice({ coverage: [covered(days.daysAt(begins).first)], notices: [] });
      expect(next).toEqual({ kind: 'enrolment', due: iso((n % 1200) + 7) });
    }
  },
);

test('N40: several time zones, and none, give the earliest and the latest day', () => {
  const both = new PayerDays(['Pacific/Guam', 'Pacific/Honolulu']);
  expect(both.daysAt(Date.parse('2026-07-01T10:00:00Z'))).toEqual({ first: '2026-07-01', last: '2026-07-01' });
  expect(both.daysAt(Date.parse('2026-07-01T09:59:59Z'))).toEqual({ first: '2026-06-30', last: '2026-07-01' });
  const anywhere = new PayerDays();
  expect(anywhere.daysAt(anywhere.permitsFrom('2026-07-01')).first).toBe('2026-07-01');
  expect(anywhere.daysAt(anywhere.permitsUntil('2026-06-30')! - 1).last).toBe('2026-06-30');
});
