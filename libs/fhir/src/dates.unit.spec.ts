import fc from 'fast-check';
import { describe, expect, it } from 'vitest';

import { dateRange, isDayOrInstant, isInstant, matchesDate, toInstant } from './dates.ts';

const iso = (text: string): [string, string] | undefined => {
  const range = dateRange(text);
  return range === undefined ? undefined : [new Date(range.start).toISOString(), new Date(range.end).toISOString()];
};

describe('dateRange', () => {
  it('counts days as Date does, in all years', () => {
    const wrong: string[] = [];
    for (let ms = new Date(0).setUTCFullYear(1, 0, 1); ms <= Date.UTC(9999, 11, 31); ms += 11 * 86_400_000) {
      const day = new Date(ms).toISOString().slice(0, 10);
      if (dateRange(day)?.start !== ms) wrong.push(day);
    }
    expect(wrong).toEqual([]);
  });

  it.each([
    ['2024-02-29T10:00:00.5Z', '2024-02-29T10:00:00.500Z', '2024-02-29T10:00:00.600Z'],
    ['2024-02-29T10:00:00.25Z', '2024-02-29T10:00:00.250Z', '2024-02-29T10:00:00.260Z'],
    ['2024-02-29T10:00:00.1256789Z', '2024-02-29T10:00:00.125Z', '2024-02-29T10:00:00.126Z'],
    ['2024', '2024-01-01T00:00:00.000Z', '2025-01-01T00:00:00.000Z'],
    ['2024-12', '2024-12-01T00:00:00.000Z', '2025-01-01T00:00:00.000Z'],
    ['2024-02-29', '2024-02-29T00:00:00.000Z', '2024-03-01T00:00:00.000Z'],
    ['2024-02-29T23:59', '2024-02-29T23:59:00.000Z', '2024-03-01T00:00:00.000Z'],
    ['2024-02-29T10:00:00-05:00', '2024-02-29T15:00:00.000Z', '2024-02-29T15:00:01.000Z'],
    ['2024-02-29T10:00:00.5Z', '2024-02-29T10:00:00.500Z', '2024-02-29T10:00:00.600Z'],
    ['2024-02-29T10:00:00.123456Z', '2024-02-29T10:00:00.123Z', '2024-02-29T10:00:00.124Z'],
    ['0001-01-01', '0001-01-01T00:00:00.000Z', '0001-01-02T00:00:00.000Z'],
  ])('%s', (text, start, end) => {
    expect(iso(text)).toEqual([start, end]);
  });

  it.each([
    '',
    '24',
    '0000',
    '2024-00',
    '2024-13',
    '2023-02-29',
    '2024-04-31',
    '2024-1-1',
    '2024-01-01T25:00',
    '2024-01-01T10:00:00+15:00',
    'today',
    '2024-01-01 10:00',
    '2024-01-01T10',
    '2024-',
    '+024',
    '2024-01-',
    '2024-01-01T',
    '2024-01-01T10:00:0',
    '2024-01-01T10:00.5Z',
    '2024-01-01T10:00:00.Z',
    '2024-01-01T10:00:00+05',
    '2024-01-01T10:00:00ZZ',
    '2024-01-01\n',
    '2024-01-01T10:00:00Z\n',
  ])('refuses %j', (text) => {
    expect(dateRange(text)).toBeUndefined();
  });

  it('reads every instant that JavaScript writes', () => {
    fc.assert(
      fc.property(
        fc.date({ min: new Date('0001-01-01'), max: new Date('9999-12-31'), noInvalidDate: true }),
        (date) => dateRange(date.toISOString())?.start === date.getTime(),
      ),
    );
  });
});

describe('isInstant and isDayOrInstant', () => {
  it('accept existing days and instants', () => {
    expect(
      ['2024-02-29T23:59:59Z', '2026-01-01T00:00:00.123456789+14:00', '0001-01-01T00:00:00-14:00'].filter(
        (v) => !isInstant(v),
      ),
    ).toEqual([]);
    expect(['2024-02-29', '9999-12-31', '2026-01-01T00:00:00Z'].filter((v) => !isDayOrInstant(v))).toEqual([]);
  });
  // `Date.parse` accepts all but the last four, as another instant.
  it.each([
    '2026-02-30T10:00:00Z',
    '2026-06-31T10:00:00Z',
    '2026-01-01T24:00:00Z',
    '2026-01-01T10:00:00+15:00',
    '2025-02-29T10:00:00Z',
    '2026-12-31T23:59:60Z',
    '2026-01-01T10:00Z',
    '2026-01-01T10:00:00',
    '2026-01-01',
  ])('%s is no instant', (value) => expect(isInstant(value)).toBe(false));
  it.each(['2026-02-30', '2026-06-31', '2025-02-29', '2026-13-01', '2026', '2026-05', '2026-01-01T24:00:00Z'])(
    '%s is neither a day nor an instant',
    (value) => expect(isDayOrInstant(value)).toBe(false),
  );
  it('Date.parse reads accepted values as the same instant', () => {
    fc.assert(
      fc.property(
        fc.stringMatching(/^20[0-3]\d-[01]\d-[0-3]\dT[0-2]\d:[0-5]\d:[0-5]\d(\.\d{3})?(Z|[+-][01]\d:[0-5]\d)$/),
        (text) => !isInstant(text) || dateRange(text)?.start === Date.parse(text),
      ),
    );
  });
});

describe('toInstant', () => {
  it('never leaves the four digits of a year, so that instants sort as text', () => {
    expect([toInstant(0), toInstant(Date.UTC(10_000, 0, 1))]).toEqual([
      '1970-01-01T00:00:00.000Z',
      '9999-12-31T23:59:59.999Z',
    ]);
  });
});

describe('matchesDate', () => {
  const range = (text: string) => dateRange(text) ?? expect.fail(text);
  it.each([
    ['eq', '2024-03', '2024-03-05', true],
    ['eq', '2024-03-05', '2024-03', false],
    ['ne', '2024-03', '2024-03-05', false],
    ['gt', '2024-03-05', '2024-03-06', true],
    ['gt', '2024-03-05', '2024-03-05', false],
    ['ge', '2024-03-05', '2024-03-05', true],
    ['ge', '2024-03-05', '2024-03-04', false],
    ['lt', '2024-03-05', '2024-03-04', true],
    ['lt', '2024-03-05', '2024-03-05', false],
    ['le', '2024-03-05', '2024-03-05', true],
    ['le', '2024-03-05', '2024-03-06', false],
  ] as const)('%s %s of %s: %s', (prefix, value, target, expected) => {
    expect(matchesDate(prefix, range(value), range(target))).toBe(expected);
  });
});

it('reads the time of every text as its grammar and the clock of JavaScript do', () => {
  const GRAMMAR = /^T(\d{2}):(\d{2})(?::(\d{2})(\.\d+)?)?(Z|[+-]\d{2}:\d{2})?$/;
  const parts = [
    'T10',
    'T2',
    'T24',
    ':30',
    ':60',
    ':5',
    '.',
    '.5',
    '.25',
    '.1234567',
    'Z',
    'z',
    '+',
    '-05:00',
    '+14:59',
  ];
  const part = fc.constantFrom(...parts, '+15:00', '-00:60', '05', ' ');
  fc.assert(
    fc.property(fc.array(part, { maxLength: 7 }), (chosen) => {
      const time = chosen.join('');
      const value = `2024-02-29${time}`;
      const [all, hour, minute, second, fraction, zone] = GRAMMAR.exec(time) ?? [];
      const [hours, minutes] = (zone ?? 'Z') === 'Z' ? [0, 0] : zone!.slice(1).split(':').map(Number);
      const isTime = all !== undefined && Number(hour) <= 23 && Number(minute) <= 59 && Number(second ?? 0) <= 60;
      if (time !== '' && !(isTime && hours! <= 14 && minutes! <= 59)) {
        expect(dateRange(value)).toBeUndefined();
        return;
      }
      if (time === '') return;
      const digits = fraction?.slice(1, 4) ?? '';
      const start =
        Date.UTC(2024, 1, 29, Number(hour), Number(minute), Number(second ?? 0), Number(digits.padEnd(3, '0'))) -
        (zone?.startsWith('-') ? -60_000 : 60_000) * (hours! * 60 + minutes!);
      const length = second === undefined ? 60_000 : 10 ** (3 - digits.length);
      expect(dateRange(value)).toEqual({ start, end: start + length });
    }),
    { numRuns: 2_000 },
  );
});
