import { dateRange } from '@provider-access/fhir';
import { SERVICE_DATE_FLOOR } from '@provider-access/pdex';
import { baseUrl } from '@provider-access/config';
import { z } from 'zod';

/** What resources needs to know; the runner fills it in. */
export const resourcesConfig = z.object({
  /** The base that providers use, without `/fhir`. */
  publicUrl: baseUrl,
  payerTokenFile: z.string().min(1),
  administratorTokenFile: z.string().min(1),
  /** ES256 keys of the access tokens; only read here. */
  signingKeyFile: z.string().min(1),
  /** Secret that signs page links; created at the first start, mode 0600. */
  pageKeyFile: z.string().min(1),
  /** Care that was over before this day is not kept. A FHIR date. */
  floor: z.string().refine((v) => dateRange(v) !== undefined, 'must be a date').default(SERVICE_DATE_FLOOR),
  /** Facts older than this decide nothing, ms. */
  boundMs: z.int().positive().default(5_000),
  /** How often the heads of the payer's topics are looked at, ms. */
  pollMs: z.int().positive().default(500),
});
export type ResourcesConfig = z.input<typeof resourcesConfig>;
export const CONFIG = Symbol('ResourcesConfig');
