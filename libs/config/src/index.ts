import { z } from 'zod';

/** A configuration that cannot be used: one sentence a fault, each naming its variable. The start ends with it. */
export class ConfigurationError extends Error {
  override readonly name = 'ConfigurationError';
}

/**
 * Reads environment variables by a zod object schema whose keys are the variables' names. An empty value counts as absent.
 * @throws ConfigurationError naming every variable at fault (never its value: it may be a secret)
 */
export function readConfig<S extends z.ZodObject>(schema: S, env: Readonly<Record<string, string | undefined>>): z.infer<S> {
  const given: Record<string, string> = {};
  for (const name of Object.keys(schema.shape)) {
    const value = env[name];
    if (value !== undefined && value !== '') given[name] = value;
  }
  const result = schema.safeParse(given);
  if (result.success) return result.data;
  throw new ConfigurationError(result.error.issues.map((i) => `${i.path.join('.')}: ${i.message}`).join('; '));
}

/** A TCP port. */
export const port = z.coerce.number('must be a number').int('must be a whole number').min(0, 'must be 0 to 65535').max(65535, 'must be 0 to 65535');
/** An absolute http(s) URL without query or fragment, kept without its last slash. */
export const baseUrl = z.string().refine((v) => URL.canParse(v) && /^https?:$/.test(new URL(v).protocol) && new URL(v).search === '' && new URL(v).hash === '', 'must be an absolute http or https URL without query').transform((v) => v.replace(/\/+$/, ''));
