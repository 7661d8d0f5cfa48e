import { expect, it } from 'vitest';
import { PayerDays } from '@provider-access/domain/pdex/days';
import { reviewsOf } from './reviews.ts';
import type { StatedConsent } from './statements.ts';

/** A statement of a representative. */
const stated = (at: string, until?: string): StatedConsent => ({
  event: 'e1',
  id: 'c1',
  scope: 'global',
  businessTime: at,
  from: at,
  recordedAt: at,
  details: {
    setBy: 'personal-representative',
    proof: { kind: 'parent', reference: '12', verifiedBy: 'us', ...(until !== undefined && { until }) },
  },
  versions: [{ n: 1, at }],
});
const CHICAGO = new PayerDays(['America/Chicago']);
const asked = (statement: StatedConsent, today: string, birthDate?: string, days = CHICAGO, ageOfMajority = 18) =>
  reviewsOf(statement, { birthDate, ageOfMajority, days, today }).map(({ reason, since }) => `${reason} ${since}`);
const NOON = 'T18:00:00.000Z';

it.each<[string, string, string | undefined, readonly string[]]>([
  ['on its last day the authority lasts', '2027-06-30', '2027-06-30', []],
  ['on the day after, it has ended', '2027-07-01', '2027-06-30', ['authority-ended 2027-07-01']],
  ['it lasts through its month', '2027-06-30', '2027-06', []],
  ['and ends after it', '2027-07-02', '2027-06', ['authority-ended 2027-07-01']],
  [
    'an instant is of the day in the time zone of the payer',
    '2027-06-30',
    '2027-07-01T03:00:00Z',
    ['authority-ended 2027-06-30'],
  ],
  ['no authority ends in 9999', '2999-01-01', '9999-12-31', []],
  ['an authority without an end has none', '2999-01-01', undefined, []],
])('N9 authority: %s', (_what, today, until, expected) => {
  expect(asked(stated(`2027-01-04${NOON}`, until), today)).toEqual(expected);
});

it.each<[string, string, string, readonly string[]]>([
  ['the day before the birthday', '2027-05-03', '2009-05-04', []],
  ['the birthday', '2027-05-04', '2009-05-04', ['of-age 2027-05-04']],
  ['a month of birth counts from its first day', '2027-05-01', '2009-05', ['of-age 2027-05-01']],
  ['a year of birth counts from its first day', '2027-01-05', '2009', ['of-age 2027-01-04']],
  ['29 February: 28 February at the earliest', '2026-02-28', '2008-02-29', []],
  ['a member who was of age when it was stated', '2030-01-01', '2009-01-04', []],
  ['a member who may have been a minor then', '2027-01-04', '2009-01', ['of-age 2027-01-04']],
  ['no date', '2030-01-01', 'unknown', []],
])('N9 birthday: %s', (_what, today, birthDate, expected) => {
  expect(asked(stated(`2027-01-04${NOON}`), today, birthDate)).toEqual(expected);
});

it('N9 who was born on 29 February comes of age on 28 February, or in a leap year on the day itself', () => {
  const statement = stated(`2020-01-04${NOON}`);
  expect(asked(statement, '2026-02-27', '2008-02-29')).toEqual([]);
  expect(asked(statement, '2026-02-28', '2008-02-29')).toEqual(['of-age 2026-02-28']);
  expect(asked(statement, '2028-02-28', '2008-02-29', CHICAGO, 20)).toEqual([]);
  expect(asked(statement, '2028-02-29', '2008-02-29', CHICAGO, 20)).toEqual(['of-age 2028-02-29']);
});

it('N9 both reasons, and another age', () => {
  const statement = stated(`2027-01-04${NOON}`, '2027-06-30');
  expect(asked(statement, '2028-05-04', '2009-05-04')).toEqual(['authority-ended 2027-07-01', 'of-age 2027-05-04']);
  expect(asked(statement, '2028-05-04', '2009-05-04', CHICAGO, 19)).toEqual([
    'authority-ended 2027-07-01',
    'of-age 2028-05-04',
  ]);
});
