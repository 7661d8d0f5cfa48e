import {
  businessEnv,
  deploymentEnv,
  factsEnv,
  payerEnv,
  processEnv,
  secretsEnv,
  unreadableConsent,
} from '@provider-access/service/config';
import { z } from 'zod';

/** The variables of consent alone. */
export const consentSettings = z.object({
  UNREADABLE_CONSENT: unreadableConsent,
  ...payerEnv,
  ...deploymentEnv,
  FACTS_BOUND_MS: factsEnv.FACTS_BOUND_MS.describe('Facts older than this count as not ready.'),
});
/** The options of the module. */
export const consentConfig = (env: z.infer<typeof consentSettings>) => ({
  unreadableConsent: env.UNREADABLE_CONSENT,
  // Without identifiers nobody knows whether a payer is another one.
  payerIdentifiers: env.PAYER_IDENTIFIERS && [...env.PAYER_IDENTIFIERS, env.PAYER_ORGANIZATION],
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
