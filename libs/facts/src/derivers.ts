import { PAYER_MEMBER_EVENTS, PAYER_PROVIDER_EVENTS, PAYER_TOPICS } from '@provider-access/events';

/** The services that derive deciding facts from payer.member-events. */
export const MEMBER_DERIVERS = ['attribution', 'consent'] as const;
/** The services that derive deciding facts from payer.provider-events. */
export const PROVIDER_DERIVERS = ['attribution'] as const;

/**
 * Consumer groups that take in what payers publish. While one of them has lost unread events, the platform shows
 * nothing to anybody.
 */
export const INTAKES: readonly { readonly group: string; readonly topics: readonly string[] }[] = [
  { group: 'consent-intake', topics: PAYER_TOPICS },
  { group: 'attribution-intake', topics: [PAYER_MEMBER_EVENTS] },
  { group: 'attribution-providers', topics: [PAYER_PROVIDER_EVENTS] },
  { group: 'resources-intake', topics: PAYER_TOPICS },
];
