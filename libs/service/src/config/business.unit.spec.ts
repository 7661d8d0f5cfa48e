import { expect, test } from 'vitest';
import { z } from 'zod';
import { businessEnv, calendarRules, lacksTimeZone, NO_TIME_ZONE, payerDays, serviceLevelsSince } from './business.ts';
import { readConfig, variablesOf } from './read-config.ts';

const schema = z.object({ ...businessEnv, SERVICE_LEVELS_SINCE: serviceLevelsSince });

test('a calendar as an operator writes it', () => {
  expect(calendarRules(readConfig(schema, {}))).toEqual({
    timeZone: 'America/New_York',
    days: ['mon', 'tue', 'wed', 'thu', 'fri'],
    holidays: [],
  });
  expect(
    calendarRules(
      readConfig(schema, {
        BUSINESS_TIME_ZONE: 'America/Chicago',
        BUSINESS_DAYS: ' Mon,tue, mon',
        BUSINESS_HOLIDAYS: '2026-12-25, 2026-11-26,',
      }),
    ),
  ).toEqual({ timeZone: 'America/Chicago', days: ['mon', 'tue'], holidays: ['2026-11-26', '2026-12-25'] });
  expect(variablesOf(schema).map((v) => [v.name, v.default])).toEqual([
    ['BUSINESS_TIME_ZONE', undefined],
    ['BUSINESS_DAYS', 'mon,tue,wed,thu,fri'],
    ['BUSINESS_HOLIDAYS', undefined],
    ['SERVICE_LEVELS_SINCE', undefined],
  ]);
});

test('several time zones: days begin in the earliest or the latest, and business days are those of the first', () => {
  const env = readConfig(schema, { BUSINESS_TIME_ZONE: ' Pacific/Honolulu, Pacific/Guam,Pacific/Honolulu ,' });
  expect(calendarRules(env).timeZone).toBe('Pacific/Honolulu');
  const days = payerDays(env);
  const begins = (of: typeof days): number[] => [of.restrictsFrom('2026-07-01'), of.permitsFrom('2026-07-01')];
  expect(begins(days)).toEqual(['2026-06-30T14:00:00Z', '2026-07-01T10:00:00Z'].map(Date.parse));
  const unset = payerDays(readConfig(schema, { BUSINESS_TIME_ZONE: '' }));
  expect(begins(unset)).toEqual(['2026-07-01T00:00:00+14:00', '2026-07-01T00:00:00-12:00'].map(Date.parse));
});

test("warns an operator who has not set the payer's time zone", () => {
  expect(
    ['', 'America/Chicago'].map((zone) => lacksTimeZone(readConfig(schema, { BUSINESS_TIME_ZONE: zone }))),
  ).toEqual([true, false]);
  expect(NO_TIME_ZONE).toMatch(/BUSINESS_TIME_ZONE .* 26 hours/);
});

test.each([
  ['BUSINESS_TIME_ZONE', 'Mars/Olympus', /IANA time zone/],
  ['BUSINESS_TIME_ZONE', '+02:00', /IANA time zone/],
  ['BUSINESS_TIME_ZONE', 'America/Chicago;America/Denver', /IANA time zones .* separated by commas/],
  ['BUSINESS_TIME_ZONE', 'America/Chicago,Mars/Olympus', /IANA time zone/],
  ['BUSINESS_TIME_ZONE', ' , ', /IANA time zone/],
  ['BUSINESS_DAYS', 'mon,someday', /weekdays of sun, mon/],
  ['BUSINESS_DAYS', ',', /weekdays of/],
  ['BUSINESS_HOLIDAYS', '2026-02-30', /dates such as/],
  ['BUSINESS_HOLIDAYS', '12/25/2026', /dates such as/],
  ['SERVICE_LEVELS_SINCE', 'yesterday', /a date or an instant/],
  ['SERVICE_LEVELS_SINCE', '2027-01-01T00:00:00', /with a zone/],
])('%s=%s is refused with a sentence', (name, value, sentence) => {
  expect(() => readConfig(schema, { [name]: value })).toThrow(sentence);
  expect(() => readConfig(schema, { [name]: value })).toThrow(new RegExp(`^${name}: must be`));
});
