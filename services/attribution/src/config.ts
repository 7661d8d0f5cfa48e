import { z } from 'zod';
import { baseUrl } from '@provider-access/config';

/** Settings of attribution: environment variables, read once by the runner. */
export const attributionConfig = z.object({
  /** Absolute links come from here, never from a request. */
  PUBLIC_URL: baseUrl,
  /** The payer, as Group.managingEntity names it. */
  PAYER_ORGANIZATION: z.string().regex(/^Organization\/[A-Za-z0-9\-.]{1,64}$/, 'must be Organization/<id>').default('Organization/payer'),
  PAYER_NAME: z.string().max(200).optional(),
  /** Facts older than this decide nothing, ms. */
  FACTS_BOUND_MS: z.coerce.number().int().min(100).max(60_000).default(5000),
  /** A Group with more permitted members is only read with _summary=true. */
  MAX_GROUP_MEMBERS: z.coerce.number().int().min(1).default(50_000),
});
export type AttributionConfig = z.infer<typeof attributionConfig>;
