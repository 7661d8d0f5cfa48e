import { createHash } from 'node:crypto';
import { base32 } from '@provider-access/kernel';

/** Digits in a group of a confirmation number, and groups. 60 bits: within one member nobody meets a number twice. */
const [DIGITS, GROUPS] = [4, 3];

/** The id of the Consent that one of our events about a member's decision is. `event`: its id (`derivedEventId`). */
export const consentIdOf = (event: string, member: string): string =>
  base32(
    createHash('sha256')
      .update(JSON.stringify([event, member]))
      .digest()
      .subarray(0, 16),
  );

/**
 * The number that a member can quote for a decision, for example `K7QX-2MPD-V4LA`. It is the beginning of the Consent's
 * id, so whoever has the decisions of the member finds the one that is meant. Base32 has neither 0 nor 1, which one
 * could take for O and I.
 * @param consent the id of the Consent (`consentIdOf`)
 */
export const confirmationNumber = (consent: string): string =>
  Array.from({ length: GROUPS }, (_, n) => consent.slice(n * DIGITS, (n + 1) * DIGITS).toUpperCase()).join('-');
