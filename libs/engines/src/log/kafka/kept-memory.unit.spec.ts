import { expect, it } from 'vitest';
import { KeptMemory } from './kept-memory.ts';

it('memory that was given back serves the next batch that fits, and no two at the same time', () => {
  const memory = new KeptMemory();
  const first = memory.take(1000);
  const beside = memory.take(900);
  expect(beside.buffer).not.toBe(first.buffer);
  memory.give(first);
  const next = memory.take(600);
  expect(next.byteLength).toBe(600);
  expect(next.buffer).toBe(first.buffer);
  expect(memory.take(600).buffer).not.toBe(first.buffer);
});

it('keeps the larger one of two, and none beyond the bytes of a usual batch', () => {
  const memory = new KeptMemory();
  const [small, large, huge] = [memory.take(10), memory.take(1000), memory.take(5 * 1024 * 1024)];
  for (const each of [large, small, huge]) memory.give(each);
  expect(memory.take(20).buffer).toBe(large.buffer);
  expect(memory.take(20).buffer).not.toBe(huge.buffer);
});
