import { baseUrl } from '@provider-access/config';
import { z } from 'zod';

export const authConfig = z.object({
  /** Base of every absolute URL, of `iss` and of the audience that assertions must name; never taken from a request. */
  publicUrl: baseUrl,
  /** Lets `jwks_uri` be http on loopback and on private addresses: tests and trials on one machine only. */
  allowInsecureJwks: z.boolean().default(false),
  /** Per client (SPEC §6.8). */
  tokensPerMinute: z.int().positive().default(60),
  /** Per address. */
  registrationsPerMinute: z.int().positive().default(20),
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
