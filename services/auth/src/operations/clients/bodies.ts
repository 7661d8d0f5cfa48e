import { Refusal } from '@provider-access/kernel';
import { z } from 'zod';
import { PLAIN } from '../../domain/names.ts';

/** A line that a reviewer writes. */
export const text = z
  .string('must be a text')
  .trim()
  .min(1, 'must not be empty')
  .max(500, 'is longer than 500 characters')
  .regex(PLAIN, 'holds control characters');

/** The body of a decision. @throws Refusal 400 that names each wrong field */
export function readBody<S extends z.ZodType>(schema: S, body: unknown): z.output<S> {
  const result = schema.safeParse(body ?? {});
  if (result.success) return result.data;
  throw new Refusal(
    'invalid-request',
    result.error.issues
      .map(
        (i) =>
          `${i.path.join('.') || 'body'}: ` +
          `${i.code === 'invalid_type' && i.path.length === 1 ? `must be given (${i.message})` : i.message}`,
      )
      .join('; '),
  );
}
