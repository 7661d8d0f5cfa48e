import { dateRange } from '@provider-access/fhir';
import { SERVICE_DATE_FLOOR } from '@provider-access/domain/pdex';
import {
  publicUrl,
  businessEnv,
  codeLists,
  labelPolicy,
  labelsEnv,
  payerEnv,
  deploymentEnv,
  exportManifest,
  factsEnv,
  filesEnv,
  processEnv,
  profilesEnv,
  secretsEnv,
  serviceLevelsSince,
  versionsEnv,
  whole,
} from '@provider-access/service/config';
import { z } from 'zod';

/** The variables of resources alone. */
export const resourcesSettings = z.object({
  PUBLIC_URL: publicUrl,
  ...factsEnv,
  ...deploymentEnv,
  EXPORT_MANIFEST: exportManifest,
  ...labelsEnv,
  PAYER_ORGANIZATION: payerEnv.PAYER_ORGANIZATION,
  ...profilesEnv,
  ...versionsEnv,
  PRIOR_AUTH_RETENTION_DAYS: whole(366, 36_500)
    .default(400)
    .describe(
      'Days for which a prior authorization stays after the last change of its status, or the end of its period. ' +
        'Then a delete is published. The rule asks for a year.',
    ),
  AGE_OF_MAJORITY: whole(14, 25)
    .default(18)
    .describe('Years. From this birthday on, what a representative stated for a minor is due for a review.'),
  ATTACHMENT_INLINE_KIB: whole(64, 4096)
    .default(1024)
    .describe(
      'KiB. The content of a larger attachment goes to the file store, and the resource gets the URL of a Binary.',
    ),
  SERVICE_DATE_FLOOR: z
    .string()
    .refine((v) => dateRange(v) !== undefined, 'must be a date')
    .default(SERVICE_DATE_FLOOR)
    .describe('The service does not keep care that ended before this day. A FHIR date.'),
});
const attachments = z
  .enum(['files', 'inline'], 'must be files or inline')
  .default('files')
  .describe(
    '`files`: large attachments go to the file store, which must be that of export. `inline`: they stay in their ' +
      'resources, and the service needs no file store.',
  );
/** Environment of a process of resources. */
export const resourcesEnv = z.object({
  ...processEnv,
  ...filesEnv,
  ATTACHMENTS: attachments,
  ...resourcesSettings.shape,
  PUBLIC_URL: processEnv.PUBLIC_URL,
  PAGE_LINK_KEYS_FILE: secretsEnv.PAGE_LINK_KEYS_FILE,
  ADMINISTRATOR_TOKENS_FILE: secretsEnv.ADMINISTRATOR_TOKENS_FILE,
  PAYER_TOKENS_FILE: secretsEnv.PAYER_TOKENS_FILE,
  MEMBER_PORTAL_TOKENS_FILE: secretsEnv.MEMBER_PORTAL_TOKENS_FILE,
  ...businessEnv,
  SERVICE_LEVELS_SINCE: serviceLevelsSince,
});

/** The options of the module. */
export const resourcesConfig = (
  env: z.infer<typeof resourcesSettings> & { readonly SERVICE_LEVELS_SINCE?: string | undefined },
) => ({
  publicUrl: env.PUBLIC_URL,
  floor: env.SERVICE_DATE_FLOOR,
  boundMs: env.FACTS_BOUND_MS,
  holdsUntilNotice: env.HOLD_UNTIL_NOTICE,
  sandbox: env.SANDBOX,
  manifest: env.EXPORT_MANIFEST,
  payer: env.PAYER_ORGANIZATION,
  labels: labelPolicy(env),
  codeLists: codeLists(env),
  profiles: env.PROFILE_POLICY_FILE ?? {},
  /** Years. */
  ageOfMajority: env.AGE_OF_MAJORITY,
  /** ms: how long a prior authorization stays after its last change. */
  authorizationRetentionMs: env.PRIOR_AUTH_RETENTION_DAYS * 86_400_000,
  /** ms: how long a version stays readable after it was replaced. */
  versionRetentionMs: env.VERSION_RETENTION_DAYS * 86_400_000,
  /** Bytes: larger attachments are moved, if the service has a file store. */
  attachmentsAbove: env.ATTACHMENT_INLINE_KIB * 1024,
  /** ms since the epoch: no service level measures claims with an earlier business time. */
  levelsSince: env.SERVICE_LEVELS_SINCE === undefined ? undefined : Date.parse(env.SERVICE_LEVELS_SINCE),
});
export interface ResourcesConfig extends Readonly<ReturnType<typeof resourcesConfig>> {
  /** ms between two queries for the heads of the payer's topics. Default 500. */
  readonly pollMs?: number;
}
/** The options without any variable. The address has no default. */
export const RESOURCES_DEFAULTS: ResourcesConfig = resourcesConfig(
  resourcesSettings.parse({ PUBLIC_URL: 'http://localhost' }),
);
export const CONFIG = Symbol('ResourcesConfig');
