import { describe, expect, it } from 'vitest';

import { parseDateSearch, parseToken, splitOr } from './values.ts';

describe('tokens', () => {
  it.each([
    ['code', { code: 'code' }],
    ['s|c', { system: 's', code: 'c' }],
    ['|c', { system: null, code: 'c' }],
    ['s|', { system: 's' }],
    ['a\\|b', { code: 'a|b' }],
    ['|', undefined],
    ['', undefined],
  ])('%j', (text, expected) => {
    expect(parseToken(text)).toEqual(expected);
  });

  it('split at commas that are not escaped', () => {
    expect(splitOr('a,b\\,c,')).toEqual(['a', 'b\\,c', '']);
  });
});

describe('dates', () => {
  it.each([
    ['2024', 'eq', 366],
    ['ge2024-02', 'ge', 29],
    ['sa2024-02-01', 'sa', 1],
    ['eb2024-02-01T10:00', 'eb', 1 / 1440],
    // A `+` that is not escaped arrives as a space.
    ['ap2024-02-01T10:00:00 01:00', 'ap', 1 / 86_400],
  ])('%s', (text, prefix, days) => {
    const date = parseDateSearch(text)!;
    expect([date.prefix, (date.range.end - date.range.start) / 86_400_000]).toEqual([prefix, days]);
  });

  it.each(['', 'ge', 'xx2024', '2024-13', '2024-02-30', '2024-01-01T25:00', '2024-1-1', '2024,2025'])(
    '%j is no date',
    (text) => {
      expect(parseDateSearch(text)).toBeUndefined();
    },
  );
});
