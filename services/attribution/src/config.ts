import { z } from 'zod';
import {
  baseUrl,
  publicUrl,
  businessEnv,
  factsEnv,
  codeLists,
  labelPolicy,
  labelsEnv,
  listEnv,
  payerEnv,
  deploymentEnv,
  processEnv,
  secretsEnv,
  unreadableConsent,
  whole,
} from '@provider-access/service/config';
import { readExpectedFeeds } from './domain/expected-feeds.ts';

/** The variables of attribution alone. */
export const attributionSettings = z.object({
  PUBLIC_URL: publicUrl.describe('Absolute links come from here, never from a request.'),
  ...payerEnv,
  ...listEnv,
  UNREADABLE_CONSENT: unreadableConsent,
  ...deploymentEnv,
  ...factsEnv,
  ...labelsEnv,
  EXPECTED_FEEDS: z
    .string()
    .transform((text, context) => {
      const feeds = readExpectedFeeds(text);
      if (feeds !== undefined) return feeds;
      context.addIssue('must be up to 50 times source, type and duration: urn:roster payer.attribution-asserted 26h');
      return z.NEVER;
    })
    .optional()
    .describe(
      'How long feeds may be silent before an alert: CloudEvents source, type and duration (`90m`, `26h`, `8d`), ' +
        'separated by commas, e.g. `urn:roster payer.attribution-asserted 26h,urn:lab Observation 3d`. A type is a ' +
        'resource type, or an event of the payer without its version (docs/service-levels.md).',
    ),
  MAX_GROUP_MEMBERS: whole(1, 50_000_000)
    .default(50_000)
    .describe(
      'A Group with more permitted members is only read with `_summary=true`. A list shows as many members in all.',
    ),
});
/** The options of the module. */
export const attributionConfig = (env: z.infer<typeof attributionSettings>) => ({
  publicUrl: env.PUBLIC_URL,
  payerOrganization: env.PAYER_ORGANIZATION,
  payerIdentifiers: env.PAYER_IDENTIFIERS,
  payerName: env.PAYER_NAME,
  contractSystem: env.CONTRACT_SYSTEM ?? `${env.PUBLIC_URL}/contracts`,
  unreadableConsent: env.UNREADABLE_CONSENT,
  boundMs: env.FACTS_BOUND_MS,
  holdsUntilNotice: env.HOLD_UNTIL_NOTICE,
  sandbox: env.SANDBOX,
  labels: labelPolicy(env),
  codeLists: codeLists(env),
  maxGroupMembers: env.MAX_GROUP_MEMBERS,
  expectedFeeds: env.EXPECTED_FEEDS ?? [],
});
export type AttributionConfig = ReturnType<typeof attributionConfig>;
export const CONFIG = Symbol('AttributionConfig');

/** The environment of an attribution process. */
export const attributionEnv = z.object({
  ...processEnv,
  ...attributionSettings.shape,
  PUBLIC_URL: processEnv.PUBLIC_URL,
  EXPORT_URL: baseUrl
    .optional()
    .describe('Ignored, and named in a warning: `$export` and `$davinci-data-export` are routed to export. Remove it.'),
  ADMINISTRATOR_TOKENS_FILE: secretsEnv.ADMINISTRATOR_TOKENS_FILE,
  MEMBER_HASH_KEYS_FILE: secretsEnv.MEMBER_HASH_KEYS_FILE,
  ...businessEnv,
});
