import type { Demographics } from './bundle.ts';

/**
 * Why no member was found. It never leaves the platform: an answer says the same for each reason (M59).
 *
 * - `id-of-another`: this payer gave the id, and not to the person who is described.
 * - `nobody`: no id that this payer gave, and nobody with this name and birth date.
 * - `differs`: somebody has this name and birth date, and something else differs.
 * - `several`: more than one member fits.
 */
export type Miss = 'id-of-another' | 'nobody' | 'several' | 'differs';
/** `member` is the id that stays after merges. */
export type Found = { readonly member: string } | { readonly miss: Miss };

/**
 * Finds the one member whom each of the given demographics describes (M32, M40 to M45). The answers are in the order of
 * the questions. The number of queries depends on the number of questions alone (M59). Errors of the store pass.
 */
export interface Finder {
  find(of: readonly Demographics[]): Promise<readonly Found[]>;
}
