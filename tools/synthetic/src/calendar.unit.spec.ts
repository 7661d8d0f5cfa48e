import { expect, test } from 'vitest';
import { dateOf, DAY, HOUR, instantOf, secondOf } from './calendar.ts';

test.each([
  0,
  Date.UTC(2016, 0, 1),
  Date.UTC(2024, 1, 29, 23, 45),
  Date.UTC(2025, 11, 31, 23, 59, 59, 999),
  Date.UTC(2026, 6, 4, 13, 15) + 0.25,
  Date.UTC(2026, 6, 4) + HOUR / 3,
  Date.UTC(1931, 4, 9, 6, 30),
  Date.UTC(1931, 4, 9) - 0.25,
  -0.5,
  -1,
  -DAY,
])('%s ms has the texts of Date, asked once and again', (ms) => {
  const text = new Date(ms).toISOString();
  for (let times = 0; times < 2; times += 1) {
    expect(dateOf(ms)).toBe(text.slice(0, 10));
    expect(instantOf(ms)).toBe(text);
    expect(secondOf(ms)).toBe(`${text.slice(0, 19)}Z`);
  }
});

test('what is no time has no text', () => {
  for (const textOf of [dateOf, instantOf, secondOf]) expect(() => textOf(Number.NaN)).toThrow(RangeError);
});
