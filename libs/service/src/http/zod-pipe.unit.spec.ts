import { Refusal } from '@provider-access/kernel';
import { expect, test } from 'vitest';
import { z } from 'zod';
import { zodPipe } from './zod-pipe.ts';

const fault = (work: () => unknown): Refusal => {
  try {
    work();
  } catch (error) {
    if (error instanceof Refusal) return error;
    throw error;
  }
  throw new Error('nothing was refused');
};
const meta = { type: 'query' } as const;

test('gives the handler what the schema makes of the value', () => {
  const pipe = zodPipe('invalid-value', z.string().transform(Number).optional());
  expect(pipe.transform('7', meta)).toBe(7);
  expect(pipe.transform(undefined, meta)).toBeUndefined();
});

test.each([
  ['a wrong type', ['a', 'b']],
  ['an empty value', ''],
  ['a missing value', undefined],
])('refuses %s in the words of the schema, without the value', (_what, value) => {
  const refusal = fault(() => zodPipe('required', z.string('name it').min(1, 'name it')).transform(value, meta));
  expect([refusal.kind, refusal.message]).toEqual(['required', 'name it']);
});

test('names the part of a body that is at fault', () => {
  const pipe = zodPipe('invalid-request', z.object({ reason: z.string('is a text') }));
  expect(fault(() => pipe.transform({ reason: 5 }, meta)).message).toBe('reason: is a text');
});
