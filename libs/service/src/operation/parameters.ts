import { Refusal } from '@provider-access/kernel';
import { printable } from '@provider-access/fhir';
import type { ValuesOf } from './asked.ts';
import type { Field, Fields } from './descriptor.ts';

/** The parameters on the URL of a request, with repeats. */
export function parametersOf(url: string): URLSearchParams {
  const mark = url.indexOf('?');
  return new URLSearchParams(mark < 0 ? '' : url.slice(mark + 1));
}

/** @throws Refusal that names a parameter which the operation does not have */
export function refuseOthers(given: URLSearchParams, known: readonly string[]): void {
  const unknown = [...given.keys()].find((name) => !known.includes(name));
  if (unknown === undefined) return;
  const shown = printable(unknown);
  const has = known.length === 0 ? 'It has none' : `It has ${known.join(', ')}`;
  throw new Refusal('not-supported', `This route has no parameter ${shown}. ${has}.`, { expression: shown });
}

/** Reads parameters of a URL. @throws Refusal */
export function valuesOf<F extends Fields>(fields: F, given: URLSearchParams): ValuesOf<F> {
  const values: Record<string, unknown> = {};
  for (const name of Object.keys(fields)) {
    const all = given.getAll(name);
    // No schema of one value takes a list, so a repeated parameter is refused.
    values[name] = all.length > 1 ? all : all[0];
  }
  return readFields(fields, values);
}

/** @throws Refusal with the messages of the first schema that does not take its value */
export function readFields<F extends Fields>(
  fields: F,
  given: Readonly<Record<string, unknown>> | undefined,
): ValuesOf<F> {
  return Object.fromEntries(
    Object.entries(fields).map(([name, field]) => [name, read(field, given?.[name])]),
  ) as ValuesOf<F>;
}

function read({ schema, refusal = 'invalid-value' }: Field, value: unknown): unknown {
  const result = schema.safeParse(value);
  if (result.success) return result.data;
  const texts = result.error.issues.map(({ path, message }) => [path.join('.'), message].filter(Boolean).join(': '));
  throw new Refusal(refusal, texts.join('; '));
}
