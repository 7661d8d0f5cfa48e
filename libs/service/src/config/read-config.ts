import type { z } from 'zod';
import { isSetByAnother } from './foreign.ts';

export type Environment = Readonly<Record<string, string | undefined>>;

/** A configuration that cannot be used: one sentence a fault, each naming its variable. The start ends with it. */
export class ConfigurationError extends Error {
  override readonly name = 'ConfigurationError';
}

/** @throws ConfigurationError with these sentences, when there are any */
export function refuse(faults: readonly string[]): void {
  if (faults.length > 0) throw new ConfigurationError(faults.join('; '));
}

type Names<Env> = readonly (keyof Env & string)[];
/** What is wrong with those of the variables that are set. */
export const idle = <Env extends object>(env: Env, variables: Names<Env>, fault: string): readonly string[] =>
  variables.filter((variable) => env[variable] !== undefined).map((variable) => `${variable}: ${fault}`);
/** What is wrong with those of the variables that are not set. */
export const missing = <Env extends object>(env: Env, variables: Names<Env>, fault: string): readonly string[] =>
  variables.filter((variable) => env[variable] === undefined).map((variable) => `${variable}: ${fault}`);

/**
 * Reads environment variables by a zod object schema whose keys are the variables' names. An empty value counts as
 * absent, and so does a value that another program has set under that name.
 * @throws ConfigurationError naming every variable at fault (never its value: it may be a secret)
 */
export function readConfig<S extends z.ZodObject>(schema: S, env: Environment): z.infer<S> {
  const given: Record<string, string> = {};
  for (const name of Object.keys(schema.shape)) {
    const value = env[name];
    if (value !== undefined && value !== '' && !isSetByAnother(name, value, env)) given[name] = value;
  }
  const result = schema.safeParse(given);
  if (result.success) return result.data;
  throw new ConfigurationError(
    result.error.issues
      .map(
        (i) =>
          `${i.path.join('.')}: ` +
          `${i.path.length > 0 && given[i.path.join('.')] === undefined ? 'must be set' : i.message}`,
      )
      .join('; '),
  );
}

/** One variable, for the reference table and for what checks that a chart sets nothing that does not exist. */
export interface Variable {
  readonly name: string;
  readonly description: string;
  readonly required: boolean;
  /** As it would be written; undefined when there is none. */
  readonly default?: string;
}

/** The variables of a schema, in its order. */
export function variablesOf(schema: z.ZodObject): readonly Variable[] {
  return Object.entries(schema.shape as Record<string, z.ZodType>).map(([name, type]) => {
    const absent = type.safeParse(undefined);
    return {
      name,
      description: type.description ?? '',
      required: !absent.success,
      ...(absent.success && absent.data !== undefined && { default: String(absent.data) }),
    };
  });
}
