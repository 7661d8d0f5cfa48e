import { afterEach, beforeEach, expect, it, vi } from 'vitest';
import { items } from './contract/fixture.ts';
import { DocumentCount } from './document-count.ts';
import { openMemoryViews } from './memory/index.ts';

beforeEach(() => void vi.useFakeTimers());
afterEach(() => void vi.useRealTimers());

function counted(): DocumentCount {
  const { store } = openMemoryViews();
  const asked = vi.spyOn(store, 'count');
  asked.mockImplementation(async () => asked.mock.calls.length);
  return new DocumentCount(store, items);
}

it('counts the documents of a view that is behind every 5 s', async () => {
  const count = counted();
  expect([await count.of(1, true), await count.of(1, true)]).toEqual([1, 1]);
  vi.advanceTimersByTime(5000);
  expect([await count.of(1, true), await count.of(1, true)]).toEqual([2, 2]);
});

it('counts those of another build, and of a view that is not behind, each time', async () => {
  const count = counted();
  expect([await count.of(1, true), await count.of(2, true), await count.of(2, true)]).toEqual([1, 2, 2]);
  expect([await count.of(2, false), await count.of(2, false), await count.of(2, true)]).toEqual([3, 4, 4]);
});
