import { dateRange } from '@provider-access/kernel/fhir';
import { SERVICE_DATE_FLOOR } from '@provider-access/domain/pdex';
import {
  baseUrl,
  businessEnv,
  processEnv,
  secretsEnv,
  serviceLevelsSince,
  whole,
} from '@provider-access/service/config';
import { z } from 'zod';

/** The variables of resources alone. */
export const resourcesSettings = z.object({
  PUBLIC_URL: baseUrl,
  FACTS_BOUND_MS: whole(100, 60_000).default(5000).describe('Facts older than this decide nothing.'),
  SERVICE_DATE_FLOOR: z
    .string()
    .refine((v) => dateRange(v) !== undefined, 'must be a date')
    .default(SERVICE_DATE_FLOOR)
    .describe('Care that was over before this day is not kept. A FHIR date.'),
});
/** Environment of a process of resources. */
export const resourcesEnv = z.object({
  ...processEnv,
  ...resourcesSettings.shape,
  PUBLIC_URL: processEnv.PUBLIC_URL,
  PAGE_LINK_KEYS_FILE: secretsEnv.PAGE_LINK_KEYS_FILE,
  ADMINISTRATOR_TOKENS_FILE: secretsEnv.ADMINISTRATOR_TOKENS_FILE,
  PAYER_TOKENS_FILE: secretsEnv.PAYER_TOKENS_FILE,
  ...businessEnv,
  SERVICE_LEVELS_SINCE: serviceLevelsSince,
});

/** The options of the module. */
export interface ResourcesConfig {
  /** The base that providers use, without `/fhir`. */
  readonly publicUrl: string;
  /** Care that was over before this day is not kept. A FHIR date. */
  readonly floor: string;
  /** Facts older than this decide nothing, ms. */
  readonly boundMs: number;
  /** How often the heads of the payer's topics are looked at, ms. Default 500. */
  readonly pollMs?: number;
  /** Claims whose business time lies before are measured by no service level, ms since the epoch. */
  readonly levelsSince?: number | undefined;
}
export const RESOURCES_DEFAULTS: Omit<ResourcesConfig, 'publicUrl'> = { floor: SERVICE_DATE_FLOOR, boundMs: 5000 };
export const CONFIG = Symbol('ResourcesConfig');

export const resourcesConfig = (
  env: z.infer<typeof resourcesSettings> & { readonly SERVICE_LEVELS_SINCE?: string | undefined },
): ResourcesConfig => ({
  publicUrl: env.PUBLIC_URL,
  floor: env.SERVICE_DATE_FLOOR,
  boundMs: env.FACTS_BOUND_MS,
  levelsSince: env.SERVICE_LEVELS_SINCE === undefined ? undefined : Date.parse(env.SERVICE_LEVELS_SINCE),
});
