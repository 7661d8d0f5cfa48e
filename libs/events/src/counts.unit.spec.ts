import { expect, it } from 'vitest';
import { addCounts, COUNTED_ELSEWHERE, MAX_COUNTED } from './counts.ts';

it('adds counts by name', () => {
  const table: Record<string, number> = { a: 1 };
  addCounts(table, { a: 2, b: 3 });
  expect(table).toEqual({ a: 3, b: 3 });
});

it('keeps a table small and its sum right, however many names come', () => {
  const table: Record<string, number> = {};
  for (let index = 0; index < 10 * MAX_COUNTED; index += 1) addCounts(table, { [`path-${index}`]: 2 });
  expect(Object.keys(table)).toHaveLength(MAX_COUNTED + 1);
  expect(table[COUNTED_ELSEWHERE]).toBe(2 * 9 * MAX_COUNTED);
  expect(Object.values(table).reduce((a, b) => a + b, 0)).toBe(2 * 10 * MAX_COUNTED);
});
