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

/** The options of the service; the runner fills them in. */
export const resourcesConfig = z.object({
  /** The base that providers use, without `/fhir`. */
  publicUrl: baseUrl,
  /** Care that was over before this day is not kept. A FHIR date. */
  floor: z
    .string()
    .refine((v) => dateRange(v) !== undefined, 'must be a date')
    .default(SERVICE_DATE_FLOOR),
  /** Facts older than this decide nothing, ms. */
  boundMs: z.int().positive().default(5_000),
  /** How often the heads of the payer's topics are looked at, ms. */
  pollMs: z.int().positive().default(500),
});
/** Environment of a process of resources. */
export const resourcesEnv = z.object({
  ...processEnv,
  PAGE_LINK_KEYS_FILE: secretsEnv.PAGE_LINK_KEYS_FILE,
  ADMINISTRATOR_TOKENS_FILE: secretsEnv.ADMINISTRATOR_TOKENS_FILE,
  PAYER_TOKENS_FILE: secretsEnv.PAYER_TOKENS_FILE,
  FACTS_BOUND_MS: whole(100, 60_000).default(5000).describe('Facts older than this decide nothing.'),
  SERVICE_DATE_FLOOR: z
    .string()
    .refine((v) => dateRange(v) !== undefined, 'must be a date')
    .default(SERVICE_DATE_FLOOR)
    .describe('Care that was over before this day is not kept. A FHIR date.'),
  ...businessEnv,
  SERVICE_LEVELS_SINCE: serviceLevelsSince,
});
export type ResourcesConfig = z.input<typeof resourcesConfig>;
export const CONFIG = Symbol('ResourcesConfig');
