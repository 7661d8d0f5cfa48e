import { expect, test, vi } from 'vitest';
import { BoundedMap } from './bounded-map.ts';

test('drops the entry that was set longest ago', () => {
  const map = new BoundedMap<string, number>(2).set('a', 1).set('b', 2).set('c', 3);
  expect([...map]).toEqual([
    ['b', 2],
    ['c', 3],
  ]);
});
test('treats an entry that is set again as the newest, and drops none for it', () => {
  const map = new BoundedMap<string, number>(2).set('a', 1).set('b', 2).set('a', 3);
  expect([...map]).toEqual([
    ['b', 2],
    ['a', 3],
  ]);
  expect([...map.set('c', 4).keys()]).toEqual(['a', 'c']);
});
test('looks for the oldest entry with one iterator while each new entry replaces one', () => {
  const map = new BoundedMap<number, number>(100);
  for (let i = 0; i < 100; i++) map.set(i, i);
  const keys = vi.spyOn(map, 'keys');
  for (let i = 100; i < 1000; i++) map.set(i, i);
  expect(keys).toHaveBeenCalledTimes(1);
  expect([...map.values()]).toEqual(Array.from({ length: 100 }, (_, i) => 900 + i));
});
test('drops the oldest entry after others were deleted, set again or all cleared', () => {
  const map = new BoundedMap<number, number>(3);
  const oldest = (): number => [...map.keys()][0]!;
  for (let i = 0; i < 10; i++) map.set(i, i);
  map.delete(7);
  map.set(10, 10).set(11, 11);
  expect(oldest()).toBe(9);
  map.set(9, 9).set(12, 12);
  expect([...map.keys()]).toEqual([11, 9, 12]);
  map.clear();
  for (let i = 20; i < 25; i++) map.set(i, i);
  expect([...map.keys()]).toEqual([22, 23, 24]);
});
