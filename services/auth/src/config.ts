import { baseUrl, flag, processEnv, secretsEnv, whole } from '@provider-access/service/config';
import { z } from 'zod';

export const authConfig = z.object({
  /** Base of every absolute URL, of `iss` and of the audience that assertions must name; never taken from a request. */
  publicUrl: baseUrl,
  /** Lets `jwks_uri` be http on loopback and on private addresses: tests and trials on one machine only. */
  allowInsecureJwks: z.boolean().default(false),
  /** Per client (docs/regulation.md#limits). */
  tokensPerMinute: z.int().positive().default(60),
  /** Per address. */
  registrationsPerMinute: z.int().positive().default(20),
  /** Refused token requests a minute and address block, before any signature is checked. */
  refusalsPerMinute: z.int().positive().default(60),
  /** Token requests a minute of all callers together that name no approved client. */
  strangersPerMinute: z.int().positive().default(3000),
  /** Registrations a minute of all senders together, in each instance. One address block alone cannot use it up. */
  registrationsOfAllPerMinute: z.int().positive().default(300),
  /** Registrations without an approval that are kept at once, from all senders. */
  registrationsWaiting: z.int().positive().default(500),
  /** How long a change waits for every reader before its answer is 503, ms. */
  acknowledgeWithinMs: z.int().positive().default(5000),
});
/** Environment of a process of auth. */
export const authEnv = z.object({
  ...processEnv,
  TOKEN_SIGNING_KEYS_FILE: secretsEnv.TOKEN_SIGNING_KEYS_FILE,
  ADMINISTRATOR_TOKENS_FILE: secretsEnv.ADMINISTRATOR_TOKENS_FILE,
  ALLOW_INSECURE_JWKS: flag
    .default(false)
    .describe('`true`: `jwks_uri` may be plain http and on private addresses. For trials on one machine only.'),
  AUTH_TOKENS_PER_MINUTE: whole(1, 100_000).default(60).describe('Token requests a minute and client before 429.'),
  AUTH_REGISTRATIONS_PER_MINUTE: whole(1, 100_000)
    .default(20)
    .describe('Registrations a minute and address (IPv4, or /64 of IPv6) before 429.'),
  AUTH_REFUSALS_PER_MINUTE: whole(1, 100_000)
    .default(60)
    .describe(
      'Refused token requests a minute and address (IPv4, or /64 of IPv6) before 429, in each instance. Counted ' +
        'apart for each client that was approved.',
    ),
});
export type AuthConfig = z.infer<typeof authConfig>;
export type AuthConfigInput = z.input<typeof authConfig>;

/** Absolute URLs of our endpoints. */
export const urls = (publicUrl: string) => ({
  token: `${publicUrl}/auth/token`,
  register: `${publicUrl}/auth/register`,
  registration: (client: string) => `${publicUrl}/auth/register/${encodeURIComponent(client)}`,
  introspect: `${publicUrl}/auth/introspect`,
  jwks: `${publicUrl}/auth/jwks`,
});
