import { z } from 'zod';
import { instant, providerKey } from './shared-schemas.ts';

/** An interval in which an app speaks for one NPI or TIN (APPS.md P1). The same `from` again states its end. */
export const binding = z.object({
  provider: providerKey,
  from: instant,
  to: instant.optional(),
  by: z.string(),
  evidence: z.string().optional(),
  reason: z.string().optional(),
});
/** pa.registry: one interval in an event of its own. BINDING_EVENTS writes it (ADR 0129). */
export const bindingChanged = binding.extend({ client: z.string() });
export type BindingChanged = z.infer<typeof bindingChanged>;
