import { z } from 'zod';

/** Settings of consent: environment variables, read once by the runner. */
export const consentConfig = z.object({
  /** Facts older than this count as not ready, ms. */
  FACTS_BOUND_MS: z.coerce.number().int().min(100).max(60_000).default(5000),
});
export type ConsentConfig = z.infer<typeof consentConfig>;
