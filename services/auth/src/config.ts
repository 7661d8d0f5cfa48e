import {
  businessEnv,
  commaSeparated,
  publicUrl,
  deploymentEnv,
  factsEnv,
  flag,
  labelPolicy,
  labelsEnv,
  noticesEnv,
  processEnv,
  reviewsEnv,
  secretsEnv,
  whole,
} from '@provider-access/service/config';
import { DEFAULT_REASONS } from '@provider-access/domain/pdex/reasons';
import { z } from 'zod';
import { REQUIRABLE } from './domain/known-metadata.ts';
import { identityProvider, peopleEnv } from './people/settings.ts';

const MOST_NOTICE = 500;
/** Controls, line ends, and characters that turn the direction of others. */
const UNSEEN = /[\p{Cc}\u2028-\u202e\u2066-\u2069]/u;

/** The variables of auth alone. */
export const authSettings = z.object({
  PUBLIC_URL: publicUrl,
  ALLOW_INSECURE_JWKS: flag
    .default(false)
    .describe('`true`: `jwks_uri` may be plain http and on private addresses. For trials on one machine only.'),
  ...deploymentEnv,
  ...labelsEnv,
  ...noticesEnv,
  HOLD_UNTIL_NOTICE: factsEnv.HOLD_UNTIL_NOTICE,
  AUTH_AUDIENCES: z
    .string()
    .transform(commaSeparated)
    .refine((urls) => urls.length > 0 && urls.every((url) => URL.canParse(url)), 'must be URLs, separated by commas')
    .optional()
    .describe(
      'Further spellings of the token URL that `aud` of a client assertion may have, such as an address from before ' +
        'a move: URLs, separated by commas. Name only URLs of this platform: an assertion for another server could ' +
        'be replayed here.',
    ),
  REGISTRATION_REQUIRES: z
    .string()
    .default('')
    .transform((list) => commaSeparated(list))
    .superRefine((names, context) => {
      for (const name of names)
        if (!(REQUIRABLE as readonly string[]).includes(name))
          context.addIssue({ code: 'custom', message: `has ${name}, and not one of: ${REQUIRABLE.join(', ')}` });
    })
    .describe(
      `What a registration must say of the organization and the app, separated by commas: ${REQUIRABLE.join(', ')}. ` +
        'Without it, none of them is asked for.',
    ),
  REGISTER_UNKNOWN: z
    .enum(['refuse', 'ignore'])
    .default('refuse')
    .describe(
      'A field of a registration that this platform, RFC 7591 and the registry of IANA do not know: `refuse` answers ' +
        '400 with its name; `ignore` leaves it out and lists it in `ignored` of the answer (RFC 7591).',
    ),
  ...peopleEnv,
  REASONS_FILE: reviewsEnv.REASONS_FILE,
  FOUR_EYES: flag
    .default(false)
    .describe(
      '`true`: one person puts an app in review, and another one approves it. The same holds for an approval that ' +
        'binds more, or that follows a suspension (`docs/reviewing.md`). Reviewers sign in, or have a token each.',
    ),
  BINDING_EVENTS: flag
    .default(false)
    .describe(
      '`true`: each interval of a binding is an event of its own, `pa.binding-changed.v1`. A process of 0.2.0 stops ' +
        'in front of it. So set it when every process reads this event and no earlier release comes back ' +
        '(`docs/upgrades.md`).',
    ),
  REVIEW_VALID_DAYS: whole(1, 3650)
    .optional()
    .describe(
      'Days after the last approval on which an app expires. It has no access then until a reviewer approves it ' +
        'again. Without it an approval has no end.',
    ),
  STATUS_NOTICE: z
    .string()
    .max(MOST_NOTICE, `must have at most ${MOST_NOTICE} characters`)
    .refine((text) => !UNSEEN.test(text), 'must be one line of plain text')
    .transform((text) => text.trim())
    .optional()
    .describe(
      `What \`/status\` says above all else, for example when maintenance is: one line of plain text, at most ` +
        `${MOST_NOTICE} characters. Markup is shown as text. Everybody can read it.`,
    ),
  AUTH_TOKENS_PER_MINUTE: whole(1, 100_000).default(60).describe('Token requests a minute and client before 429.'),
  AUTH_REGISTRATIONS_PER_MINUTE: whole(1, 100_000)
    .default(20)
    .describe('Registrations a minute and address (IPv4, or /64 of IPv6) before 429.'),
  AUTH_REFUSALS_PER_MINUTE: whole(1, 100_000)
    .default(60)
    .describe(
      'Refused token requests a minute and address (IPv4, or /64 of IPv6) before 429, in each instance. Each ' +
        'approved client has a count of its own.',
    ),
});
/** Environment of a process of auth. */
export const authEnv = z.object({
  ...processEnv,
  TOKEN_SIGNING_KEYS_FILE: secretsEnv.TOKEN_SIGNING_KEYS_FILE,
  ADMINISTRATOR_TOKENS_FILE: secretsEnv.ADMINISTRATOR_TOKENS_FILE,
  MEMBER_PORTAL_KEYS_FILE: secretsEnv.MEMBER_PORTAL_KEYS_FILE,
  ...authSettings.shape,
  PUBLIC_URL: processEnv.PUBLIC_URL,
  ...businessEnv,
});

/** The options of the module (docs/regulation.md#limits). */
export const authConfig = (env: z.infer<typeof authSettings>) => ({
  /** Base of all our URLs, of `iss` and of the audience that assertions must name. Never taken from a request. */
  publicUrl: env.PUBLIC_URL,
  allowInsecureJwks: env.ALLOW_INSECURE_JWKS,
  sandbox: env.SANDBOX,
  /** The policy of which `/providers` tells. */
  labels: labelPolicy(env),
  notices: env.NOTICES_FILE ?? {},
  holdsUntilNotice: env.HOLD_UNTIL_NOTICE,
  /** What the operator tells everybody on `/status`; undefined without one. */
  statusNotice: env.STATUS_NOTICE === '' ? undefined : env.STATUS_NOTICE,
  tokensPerMinute: env.AUTH_TOKENS_PER_MINUTE,
  /** Spellings of `aud` beside the token URL. */
  audiences: env.AUTH_AUDIENCES ?? [],
  /** What a registration must have beside its keys, scope and identifiers. */
  registrationRequires: env.REGISTRATION_REQUIRES,
  unknownMetadata: env.REGISTER_UNKNOWN,
  /** Base of the pages for people and members. */
  portalUrl: env.PORTAL_URL ?? env.PUBLIC_URL,
  /** Where people sign in; undefined: with the administrator's token. */
  identityProvider: identityProvider(env),
  /** How long a request to the identity provider may take, ms. */
  identityProviderWithinMs: 5000,
  reasons: env.REASONS_FILE ?? DEFAULT_REASONS,
  fourEyes: env.FOUR_EYES,
  /** Whether each interval of a binding is an event of its own (ADR 0129). */
  bindingEvents: env.BINDING_EVENTS,
  /** Days from an approval until the app needs another one; undefined: for ever. */
  reviewValidDays: env.REVIEW_VALID_DAYS,
  registrationsPerMinute: env.AUTH_REGISTRATIONS_PER_MINUTE,
  refusalsPerMinute: env.AUTH_REFUSALS_PER_MINUTE,
  /** Token requests a minute that name no approved client, from all addresses together. */
  strangersPerMinute: 3000,
  /** Registrations a minute from all addresses together, in each instance. One address block cannot use them all up. */
  registrationsOfAllPerMinute: 300,
  /** Registrations without an approval that are kept at once, from all senders. */
  registrationsWaiting: 500,
  /** How long `/status` waits for the engines before it says that they are not available, ms. */
  statusWithinMs: 5000,
  /** How long a change waits for every reader before its answer is 503, ms. */
  acknowledgeWithinMs: 5000,
});
export type AuthConfig = Readonly<ReturnType<typeof authConfig>>;
/** Injection token of the options. */
export const CONFIG = Symbol('AuthConfig');

/** Absolute URLs of our endpoints. */
export const urls = (publicUrl: string) => ({
  token: `${publicUrl}/auth/token`,
  register: `${publicUrl}/auth/register`,
  registration: (client: string) => `${publicUrl}/auth/register/${encodeURIComponent(client)}`,
  introspect: `${publicUrl}/auth/introspect`,
  jwks: `${publicUrl}/auth/jwks`,
});
