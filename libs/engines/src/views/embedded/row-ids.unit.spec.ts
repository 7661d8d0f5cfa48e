import { expect, it } from 'vitest';
import { splitId } from './row-ids.ts';

it.each([
  ['m1/Observation/o1', ['m1/Observation/', 'o1']],
  ['m1/Observation/o1/x', ['m1/Observation/', 'o1/x']],
  ['m1/Observation/', ['m1/Observation/', '']],
  ['m1/Observation', ['m1/Observation', '']],
  ['m1', ['m1', '']],
  ['', ['', '']],
  ['//a', ['//', 'a']],
  ['m\ud83d/T/a', ['m\ufffd/T/', 'a']],
])('splits %j into %j', (id, parts) => {
  expect(splitId(id)).toEqual(parts);
});

it('keeps the order of ids: folders come first, then names', () => {
  const signs = ['/', '/', 'a', 'b', '\u0001', 'ä', '\u{1F600}', '\uFFFD'];
  let state = 11;
  const below = (n: number): number => {
    state = (state * 1_103_515_245 + 12_345) % 2 ** 31;
    return Math.floor((state / 2 ** 31) * n);
  };
  const ids = new Set(
    Array.from({ length: 3000 }, () => Array.from({ length: below(7) }, () => signs[below(signs.length)]!).join('')),
  );
  const byBytes = (a: string, b: string): number => Buffer.compare(Buffer.from(a), Buffer.from(b));
  const bySplit = (a: string, b: string): number => {
    const [one, other] = [splitId(a), splitId(b)];
    return byBytes(one[0], other[0]) || byBytes(one[1], other[1]);
  };
  expect(ids.size).toBeGreaterThan(1000);
  expect([...ids].toSorted(bySplit)).toEqual([...ids].toSorted(byBytes));
  expect([...ids].map((id) => splitId(id).join(''))).toEqual([...ids]);
});
