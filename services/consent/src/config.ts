import { businessEnv, processEnv, secretsEnv, unreadableConsent, whole } from '@provider-access/service/config';
import { z } from 'zod';

/** Settings of consent: environment variables, read once by the runner. */
export const consentConfig = z.object({
  UNREADABLE_CONSENT: unreadableConsent,
  FACTS_BOUND_MS: whole(100, 60_000).default(5000).describe('Facts older than this count as not ready.'),
});
export type ConsentConfig = z.infer<typeof consentConfig>;

/** The environment of a consent process. */
export const consentEnv = z.object({
  ...processEnv,
  ...consentConfig.shape,
  ...businessEnv,
  ADMINISTRATOR_TOKENS_FILE: secretsEnv.ADMINISTRATOR_TOKENS_FILE,
  MEMBER_HASH_KEYS_FILE: secretsEnv.MEMBER_HASH_KEYS_FILE,
});
