import {
  businessEnv,
  deploymentEnv,
  factsEnv,
  processEnv,
  secretsEnv,
  unreadableConsent,
} from '@provider-access/service/config';
import { z } from 'zod';

/** The variables of consent alone. */
export const consentSettings = z.object({
  UNREADABLE_CONSENT: unreadableConsent,
  ...deploymentEnv,
  FACTS_BOUND_MS: factsEnv.FACTS_BOUND_MS.describe('Facts older than this count as not ready.'),
});
/** The options of the module. */
export const consentConfig = (env: z.infer<typeof consentSettings>) => ({
  unreadableConsent: env.UNREADABLE_CONSENT,
  boundMs: env.FACTS_BOUND_MS,
  sandbox: env.SANDBOX,
});
export type ConsentConfig = ReturnType<typeof consentConfig>;
export const CONFIG = Symbol('ConsentConfig');

/** The environment of a consent process. */
export const consentEnv = z.object({
  ...processEnv,
  ...consentSettings.shape,
  ...businessEnv,
  ADMINISTRATOR_TOKENS_FILE: secretsEnv.ADMINISTRATOR_TOKENS_FILE,
  MEMBER_HASH_KEYS_FILE: secretsEnv.MEMBER_HASH_KEYS_FILE,
});
