import { z } from 'zod';
import { file, instant, providerKey } from './shared-schemas.ts';

/** pa.consent. Changes as facts; the facts view orders them by (effective, businessTime). */
const choice = {
  effective: instant,
  businessTime: instant,
  setBy: z.string(),
  channel: z.string().optional(),
  /** A code of PDex's CodeSystem opt-out-reason, and the payer's text where it is no such code. */
  reason: z.string().optional(),
  reasonText: z.string().optional(),
  /** What shows that a representative may speak for the member. */
  proof: z
    .object({ kind: z.string(), reference: z.string(), verifiedBy: z.string(), until: z.string().optional() })
    .optional(),
  /** Of a decision that a person of the payer entered: the version of the words that were read out, and the person. */
  script: z.string().optional(),
  enteredBy: z.string().optional(),
};
/**
 * Without `targets` (scope provider-specific), `categories` (provider-category) and `bars` it bars everybody, as each
 * opt-out does for a release that knows only `targets`.
 */
const optedOut = z.object({
  member: z.string(),
  scope: z.string(),
  targets: z.array(providerKey).optional(),
  /** Codes of the NUCC taxonomy. */
  categories: z.array(z.string()).optional(),
  /** It is about other purposes or other payers alone. */
  bars: z.literal('nobody').optional(),
  /** As the payer stated them; `bars` says what they mean here. */
  purposes: z.array(z.string()).optional(),
  payers: z.array(z.string()).optional(),
  /** The row of a full file that states it (`optOutRow`): an opt-in ends it, or a withdrawal of this row. */
  row: z.string().optional(),
  ...choice,
});
/**
 * A source took back what its full files said in one row. Only opt-outs of this row end, so it is no opt-in. A release
 * that does not know it goes on denying.
 */
const optOutWithdrawn = z.object({
  member: z.string(),
  row: z.string(),
  effective: instant,
  businessTime: instant,
  file,
});
const optedIn = z.object({ member: z.string(), ...choice });
/**
 * An opt-in for some providers: it ends what opt-outs say about these by name. It has a type of its own, because a
 * release that does not know `targets` must not take it for an opt-in for all.
 */
const providerOptedIn = optedIn.extend({ targets: z.array(providerKey).min(1) });

export type OptedOut = z.infer<typeof optedOut>;
export type OptOutWithdrawn = z.infer<typeof optOutWithdrawn>;
export type OptedIn = z.infer<typeof optedIn>;
export type ProviderOptedIn = z.infer<typeof providerOptedIn>;

export const CONSENT_EVENTS = {
  'pa.opted-out.v1': { topic: 'pa.consent', schema: optedOut },
  'pa.opt-out-withdrawn.v1': { topic: 'pa.consent', schema: optOutWithdrawn },
  'pa.opted-in.v1': { topic: 'pa.consent', schema: optedIn },
  'pa.provider-opted-in.v1': { topic: 'pa.consent', schema: providerOptedIn },
} as const satisfies Record<string, { topic: string; schema: z.ZodType }>;
