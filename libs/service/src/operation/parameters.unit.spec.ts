import { expect, test } from 'vitest';
import { z } from 'zod';
import { readFields, valuesOf } from './parameters.ts';

test('gives the handler what the schemas make of the values', () => {
  const fields = { limit: { schema: z.string().transform(Number).default(5) }, day: { schema: z.string().optional() } };
  expect(valuesOf(fields, new URLSearchParams('limit=7&other=1'))).toEqual({ limit: 7, day: undefined });
});

test.each([
  ['a repeated value', 'name=a&name=b'],
  ['an empty value', 'name='],
  ['a missing value', ''],
])('refuses %s in the words of the schema, without the value', (_what, query) => {
  const fields = { name: { schema: z.string('name it').min(1, 'name it'), refusal: 'required' } } as const;
  expect(() => valuesOf(fields, new URLSearchParams(query))).toThrow(
    expect.objectContaining({ kind: 'required', message: 'name it' }),
  );
});

test('names the part of a value that is at fault', () => {
  const fields = { body: { schema: z.object({ reason: z.string('is a text') }) } };
  expect(() => readFields(fields, { body: { reason: 5 } })).toThrow(
    expect.objectContaining({ kind: 'invalid-value', message: 'reason: is a text' }),
  );
});
