import { isPersonRole, PERSON_ROLES, type PersonRole } from '@provider-access/kernel';
import { commaSeparated, ConfigurationError, publicUrl, secretFile } from '@provider-access/service/config';
import { z } from 'zod';

const NO_ROLES = `must be value=role, separated by commas, with the roles ${PERSON_ROLES.join(', ')}`;

/** `payer-reviewers=reviewer,payer-audit=auditor`. A value may itself have a `=`. */
const roles = z.string().transform((text, context): ReadonlyMap<string, readonly PersonRole[]> => {
  const found = new Map<string, readonly PersonRole[]>();
  for (const pair of commaSeparated(text)) {
    const at = pair.lastIndexOf('=');
    const [value, role] = [pair.slice(0, at), pair.slice(at + 1)];
    if (at < 1 || !isPersonRole(role)) {
      context.addIssue({ code: 'custom', message: NO_ROLES });
      return z.NEVER;
    }
    found.set(value, [...(found.get(value) ?? []), role]);
  }
  return found;
});

/** How people sign in. Only auth reads it. */
export const peopleEnv = {
  OIDC_ISSUER: z
    .url({ protocol: /^https?$/, error: 'must be an http or https URL' })
    .optional()
    .describe(
      'The issuer of the OpenID Connect provider at which people sign in. Default: none; then ' +
        "the administrator's token signs in.",
    ),
  OIDC_CLIENT_ID: z.string().min(1).optional().describe('The client id that the identity provider gave the platform.'),
  OIDC_CLIENT_SECRET_FILE: secretFile
    .optional()
    .describe('The client secret. Without it the platform is a public client, which PKCE protects alone.'),
  OIDC_SCOPES: z
    .string()
    .regex(/^openid( [\x21\x23-\x5b\x5d-\x7e]+)*$/, 'must be scopes separated by spaces, beginning with openid')
    .default('openid')
    .describe('What the sign-in asks for. `offline_access` lets the platform ask for the roles again by itself.'),
  OIDC_ROLES_CLAIM: z
    .string()
    .regex(/^[^.\s]+(\.[^.\s]+)*$/, 'must be a name, or names separated by dots')
    .default('roles')
    .describe('The claim that has the roles: a text or a list of texts. Dots lead into objects: `realm_access.roles`.'),
  OIDC_ROLES: roles
    .optional()
    .describe(
      'What the values of the claim mean: `payer-reviewers=reviewer,payer-audit=auditor`. Any other value means ' +
        'nothing. Default: the values are the names of the roles.',
    ),
  PORTAL_URL: publicUrl
    .optional()
    .describe(
      'The base URL at which people of the payer reach the platform, if it is another one than `PUBLIC_URL`. The ' +
        'identity provider must allow `{PORTAL_URL}/auth/session/callback`.',
    ),
};
type PeopleEnv = z.infer<z.ZodObject<typeof peopleEnv>>;

const OWN_NAMES: ReadonlyMap<string, readonly PersonRole[]> = new Map(PERSON_ROLES.map((role) => [role, [role]]));

/** The identity provider of a deployment. */
export interface IdentityProviderConfig {
  readonly issuer: string;
  readonly clientId: string;
  readonly secretFile: string | undefined;
  readonly scopes: string;
  /** The names that lead to the roles in the claims. */
  readonly claim: readonly string[];
  /** Roles by value of the claim. */
  readonly roles: ReadonlyMap<string, readonly PersonRole[]>;
  /** The base URL at which people reach the platform. */
  readonly base: string;
}

/** @throws ConfigurationError if a setting lacks another one */
export function identityProvider(
  env: PeopleEnv & { readonly PUBLIC_URL: string; readonly ALLOW_INSECURE_JWKS: boolean },
): IdentityProviderConfig | undefined {
  const { OIDC_ISSUER: issuer, OIDC_CLIENT_ID: clientId, PUBLIC_URL, PORTAL_URL: base = PUBLIC_URL } = env;
  if (base.startsWith('http:') && PUBLIC_URL.startsWith('https:'))
    throw new ConfigurationError('PORTAL_URL: must be https, as PUBLIC_URL is');
  if (issuer === undefined) {
    if (clientId !== undefined) throw new ConfigurationError('OIDC_CLIENT_ID: has no effect without OIDC_ISSUER');
    return undefined;
  }
  if (clientId === undefined) throw new ConfigurationError('OIDC_CLIENT_ID: must be set with OIDC_ISSUER');
  if (issuer.startsWith('http:') && !env.ALLOW_INSECURE_JWKS)
    throw new ConfigurationError('OIDC_ISSUER: must be https, or set ALLOW_INSECURE_JWKS=true for a trial');
  return {
    issuer,
    clientId,
    secretFile: env.OIDC_CLIENT_SECRET_FILE,
    scopes: env.OIDC_SCOPES,
    claim: env.OIDC_ROLES_CLAIM.split('.'),
    roles: env.OIDC_ROLES ?? OWN_NAMES,
    base,
  };
}
