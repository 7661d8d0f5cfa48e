import type { PipeTransform } from '@nestjs/common';
import { Refusal, type RefusalKind } from '@provider-access/kernel';
import type { z } from 'zod';

/**
 * Reads a parameter or the body of a route by a schema: `@Query('at', zodPipe('invalid-value', schema)) at`. The
 * handler gets what the schema makes of the value.
 * @throws Refusal of `kind`. Its text are the messages of the schema; those of a part of the body name the part.
 */
export const zodPipe = <S extends z.ZodType>(
  kind: RefusalKind,
  schema: S,
): PipeTransform<unknown, z.output<S>> & { readonly schema: S } => ({
  /** For the OpenAPI document. */
  schema,
  transform(value) {
    const read = schema.safeParse(value);
    if (read.success) return read.data;
    const texts = read.error.issues.map(({ path, message }) => [path.join('.'), message].filter(Boolean).join(': '));
    throw new Refusal(kind, texts.join('; '));
  },
});
