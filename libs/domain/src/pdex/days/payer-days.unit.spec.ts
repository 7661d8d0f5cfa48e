import fc from 'fast-check';
import { describe, expect, it, vi } from 'vitest';
import { cases } from '@provider-access/testing/variant';
import { PayerDays } from './payer-days.ts';
import { isTimeZone, TimeZone } from './time-zone.ts';

const iso = (ms: number | undefined): string | undefined =>
  ms === undefined ? undefined : new Date(ms).toISOString().replace('.000Z', 'Z');
/** [a restriction from this date, a permission from it, the end of a permission until it] */
const meant = (days: PayerDays, value: string) => [
  iso(days.restrictsFrom(value)),
  iso(days.permitsFrom(value)),
  iso(days.permitsUntil(value)),
];

/** Computed by hand from the offsets of the zones on these days. */
describe('a day of one time zone begins and ends there', () => {
  it.each([
    ['UTC', '2026-07-01', '2026-07-01T00:00:00Z', '2026-07-02T00:00:00Z'],
    ['Pacific/Honolulu (-10)', '2026-07-01', '2026-07-01T10:00:00Z', '2026-07-02T10:00:00Z'],
    ['Pacific/Guam (+10)', '2026-07-01', '2026-06-30T14:00:00Z', '2026-07-01T14:00:00Z'],
    ['Asia/Kathmandu (+5:45)', '2026-07-01', '2026-06-30T18:15:00Z', '2026-07-01T18:15:00Z'],
    ['America/New_York in summer (-4)', '2026-07-01', '2026-07-01T04:00:00Z', '2026-07-02T04:00:00Z'],
    ['America/New_York in winter (-5)', '2026-12-31', '2026-12-31T05:00:00Z', '2027-01-01T05:00:00Z'],
    ['America/New_York, a day of 23 hours', '2026-03-08', '2026-03-08T05:00:00Z', '2026-03-09T04:00:00Z'],
    ['America/New_York, a day of 25 hours', '2026-11-01', '2026-11-01T04:00:00Z', '2026-11-02T05:00:00Z'],
    ['Australia/Lord_Howe, a day of 24.5 hours', '2026-04-05', '2026-04-04T13:00:00Z', '2026-04-05T13:30:00Z'],
    ['Africa/Cairo, whose midnight is skipped', '2026-04-24', '2026-04-23T22:00:00Z', '2026-04-24T21:00:00Z'],
    ['America/Havana, whose midnight comes twice', '2026-11-01', '2026-11-01T04:00:00Z', '2026-11-02T05:00:00Z'],
    ['Pacific/Apia, a day that was left out', '2011-12-30', '2011-12-30T10:00:00Z', '2011-12-30T10:00:00Z'],
    ['Pacific/Apia, the day before it', '2011-12-29', '2011-12-29T10:00:00Z', '2011-12-30T10:00:00Z'],
    ['America/Caracas, whose offset changed for good', '2016-05-01', '2016-05-01T04:30:00Z', '2016-05-02T04:00:00Z'],
    ['Pacific/Kiritimati (+14)', '2026-07-01', '2026-06-30T10:00:00Z', '2026-07-01T10:00:00Z'],
  ])('%s, %s', (zone, day, begins, ends) =>
    expect(meant(new PayerDays([zone.split(/[ ,]/)[0]!]), day)).toEqual([begins, begins, ends]),
  );
});

describe('several time zones', () => {
  it.each([
    [
      'Guam and Honolulu',
      ['Pacific/Guam', 'Pacific/Honolulu'],
      '2026-07-01',
      '2026-06-30T14:00:00Z',
      '2026-07-01T10:00:00Z',
      '2026-07-01T14:00:00Z',
    ],
    [
      'the order does not count',
      ['Pacific/Honolulu', 'Pacific/Guam'],
      '2026-07-01',
      '2026-06-30T14:00:00Z',
      '2026-07-01T10:00:00Z',
      '2026-07-01T14:00:00Z',
    ],
    [
      'a leap day',
      ['America/New_York', 'America/Los_Angeles'],
      '2028-02-29',
      '2028-02-29T05:00:00Z',
      '2028-02-29T08:00:00Z',
      '2028-03-01T05:00:00Z',
    ],
    [
      'a month',
      ['America/New_York', 'America/Los_Angeles'],
      '2028-02',
      '2028-02-01T05:00:00Z',
      '2028-02-01T08:00:00Z',
      '2028-03-01T05:00:00Z',
    ],
    [
      'a year',
      ['America/New_York', 'America/Los_Angeles'],
      '2027',
      '2027-01-01T05:00:00Z',
      '2027-01-01T08:00:00Z',
      '2028-01-01T05:00:00Z',
    ],
    [
      'clocks change on different days',
      ['Europe/Berlin', 'America/New_York'],
      '2026-03-09',
      '2026-03-08T23:00:00Z',
      '2026-03-09T04:00:00Z',
      '2026-03-09T23:00:00Z',
    ],
    ['no setting', [], '2026-07-01', '2026-06-30T10:00:00Z', '2026-07-01T12:00:00Z', '2026-07-01T10:00:00Z'],
    [
      'no setting, a leap day',
      [],
      '2028-02-29',
      '2028-02-28T10:00:00Z',
      '2028-02-29T12:00:00Z',
      '2028-02-29T10:00:00Z',
    ],
    ['no setting, a year', [], '2027', '2026-12-31T10:00:00Z', '2027-01-01T12:00:00Z', '2027-12-31T10:00:00Z'],
    [
      'before zones had offsets',
      ['America/New_York'],
      '1850-01-01',
      '1849-12-31T10:00:00Z',
      '1850-01-01T12:00:00Z',
      '1850-01-01T10:00:00Z',
    ],
  ])('%s: %j %s', (_what, zones, day, restricts, permits, until) =>
    expect(meant(new PayerDays(zones), day)).toEqual([restricts, permits, until]),
  );

  it.each([[[]], [['Pacific/Guam']]])('an instant means itself, in %j', (zones) => {
    expect(meant(new PayerDays(zones), '2026-07-01T00:00:00-05:00')).toEqual(
      Array.from({ length: 3 }, () => '2026-07-01T05:00:00Z'),
    );
  });
  it.each(['9999', '9999-12', '9999-12-31', '9999-12-31T23:59:59Z'])('%s is no end', (value) =>
    expect(new PayerDays(['UTC']).permitsUntil(value)).toBeUndefined(),
  );
  it.each(['0001-01-01', '0099-12-31', '9999-12-31'])('%s is a day, too', (value) => {
    const [restricts, permits] = [
      new PayerDays(['Asia/Tokyo']).restrictsFrom(value),
      new PayerDays(['Asia/Tokyo']).permitsFrom(value),
    ];
    const midnight = new Date(`${value}T00:00:00Z`).getTime();
    for (const at of [restricts, permits]) expect(Math.abs(at - midnight)).toBeLessThanOrEqual(14 * 3_600_000);
  });
  it.each(['2026-02-30', '2026-13', 'soon', ''])('"%s" is no date', (value) =>
    expect(() => new PayerDays().restrictsFrom(value)).toThrow(RangeError),
  );
  it('refuses an unknown zone', () => expect(() => new PayerDays(['Mars/Base'])).toThrow(RangeError));
});

it('recognises names of time zones', () => {
  expect(['UTC', 'Europe/Berlin', 'Mars/Base', '', '+02:00'].map(isTimeZone)).toEqual([
    true,
    true,
    false,
    false,
    false,
  ]);
});

const STEP = 5 * 60_000;
/** Steps through the calendars of the runtime. Since 1973 every offset is a multiple of five minutes. */
function firstWhen(day: string, zones: readonly string[], isOver: (reached: readonly boolean[]) => boolean): number {
  const calendars = zones.map(
    (timeZone) => new Intl.DateTimeFormat('en-CA', { timeZone, year: 'numeric', month: '2-digit', day: '2-digit' }),
  );
  for (let at = Date.parse(day) - 15 * 3_600_000; ; at += STEP)
    if (isOver(calendars.map((calendar) => calendar.format(at) >= day))) return at;
}

describe('whatever the zones and the day', () => {
  const SOME = [
    'UTC',
    'America/New_York',
    'Pacific/Honolulu',
    'Pacific/Guam',
    'Asia/Kathmandu',
    'Australia/Lord_Howe',
    'Pacific/Apia',
    'Pacific/Kwajalein',
    'Africa/Cairo',
    'America/Caracas',
    'Pacific/Kiritimati',
    'Etc/GMT+12',
    'America/Havana',
  ];
  const day = fc
    .integer({ min: Date.parse('1973-01-02'), max: Date.parse('2037-12-30') })
    .map((ms) => new Date(ms).toISOString().slice(0, 10));
  const zones = fc.uniqueArray(fc.constantFrom(...SOME), { minLength: 1, maxLength: 3 });

  it('a restriction begins when it is that day somewhere, a permission when it is that day everywhere', () => {
    fc.assert(
      fc.property(zones, day, (names, date) => {
        const days = new PayerDays(names);
        expect(iso(days.restrictsFrom(date))).toBe(iso(firstWhen(date, names, (reached) => reached.some(Boolean))));
        expect(iso(days.permitsFrom(date))).toBe(iso(firstWhen(date, names, (reached) => reached.every(Boolean))));
        const next = new Date(Date.parse(date) + 86_400_000).toISOString().slice(0, 10);
        expect(iso(days.permitsUntil(date))).toBe(iso(firstWhen(next, names, (reached) => reached.some(Boolean))));
      }),
      { numRuns: cases(150) },
    );
  });

  it('no zone of the runtime begins a day before UTC+14 or after UTC-12', () => {
    const [all, unset] = [Intl.supportedValuesOf('timeZone'), new PayerDays()];
    fc.assert(
      fc.property(fc.constantFrom(...all), fc.integer({ min: 1900, max: 2037 }), day, (name, year, date) => {
        const value = `${year}${date.slice(4).replace('-02-29', '-02-28')}`;
        const begins = new TimeZone(name).firstInstant(Date.parse(value) / 86_400_000);
        expect(begins).toBeGreaterThanOrEqual(unset.restrictsFrom(value));
        expect(begins).toBeLessThanOrEqual(unset.permitsFrom(value));
      }),
      { numRuns: cases(500) },
    );
  });
});

describe('local time', () => {
  // Sweden writes 2026-03-08 03:00:00.
  const shown = (timeZone: string, at: number): string =>
    new Intl.DateTimeFormat('sv-SE', { timeZone, dateStyle: 'short', timeStyle: 'medium' }).format(at);
  const written = (ms: number): string => new Date(ms).toISOString().slice(0, 19).replace('T', ' ');

  it('is what the runtime shows, at any time of a day on which the clocks change or do not', () => {
    const changes = ['2026-03-08', '2026-11-01', '2026-04-05', '2026-04-24', '2011-12-30', '2016-05-01', '2026-07-01'];
    const time = fc.oneof(
      fc
        .tuple(fc.constantFrom(...changes), fc.integer({ min: -2880, max: 2880 }))
        .map(([date, minutes]) => Date.parse(date) + minutes * 60_000),
      fc.integer({ min: Date.parse('1905-01-01') / 1000, max: Date.parse('2037-12-31') / 1000 }).map((s) => s * 1000),
    );
    const zone = fc.constantFrom(...Intl.supportedValuesOf('timeZone'));
    fc.assert(
      fc.property(zone, fc.array(time, { minLength: 1, maxLength: 8 }), (name, times) => {
        const there = new TimeZone(name);
        for (const at of times) expect(written(there.local(at))).toBe(shown(name, at));
      }),
      { numRuns: cases(500) },
    );
  });

  it('formats nothing on a day that it knows, and forgets days when they are those of thirty years', () => {
    const there = new TimeZone('America/New_York');
    const format = vi.spyOn(Intl.DateTimeFormat.prototype, 'formatToParts');
    const formats = (day: number): number => {
      format.mockClear();
      there.local(day * 86_400_000 + 1000);
      return format.mock.calls.length;
    };
    try {
      expect([formats(20_000), formats(20_000)]).toEqual([2, 0]);
      for (let day = 0; day < 11_000; day++) there.local(day * 86_400_000);
      expect(formats(20_000)).toBe(2);
    } finally {
      format.mockRestore();
    }
  });
});

describe('a restriction until a date', () => {
  it.each([
    ['where the next day begins last', ['Pacific/Guam', 'Pacific/Honolulu'], '2026-07-01', '2026-07-02T10:00:00Z'],
    ['in the one time zone', ['America/New_York'], '2026-07-01', '2026-07-02T04:00:00Z'],
    ['at UTC-12 without a time zone', [], '2026-07-01', '2026-07-02T12:00:00Z'],
    ['after the month', ['America/New_York'], '2026-06', '2026-07-01T04:00:00Z'],
    ['with the second that an instant names', [], '2026-07-01T10:00:00+02:00', '2026-07-01T08:00:01Z'],
  ])('%s', (_how, zones, value, ends) => expect(iso(new PayerDays(zones).restrictsUntil(value))).toBe(ends));
});
