import { z } from 'zod';
import type { ProviderKey } from './provider-key.ts';

/** An RFC 3339 instant of one of our own events. */
export const instant = z.string();
/** `npi|1234567893` or `tin|123456789` (digits only): one string names a provider identifier everywhere inside. */
export const providerKey = z.string().regex(/^(npi\|\d{10}|tin\|\d{9})$/) as unknown as z.ZodType<ProviderKey>;
/** A statement from a full file (ADR 0107): the source, and the day of which the file tells. */
export const file = z.object({ source: z.string(), batch: z.string(), asOf: z.string() });
export type FileNote = z.infer<typeof file>;
