import type { Disclosure } from '@provider-access/events';

/** https://terminology.hl7.org/CodeSystem-v3-ActReason.html */
export type PurposeOfUse = 'TREAT' | 'HOPERAT';

/**
 * A provider's client gets data of members whom the payer attributed to this provider, for their treatment (45 CFR
 * 156.221, CMS-0057-F). An operator who looks at a decision works for the payer. A token is asked for no purpose yet.
 */
export function purposeOf(action: Disclosure['action']): PurposeOfUse | undefined {
  if (action === 'token') return undefined;
  return action === 'explain' ? 'HOPERAT' : 'TREAT';
}
