/** Who derives what decides, from payer.member-events. */
export const MEMBER_DERIVERS = ['attribution', 'consent'] as const;
/** Who derives what decides, from payer.provider-events. */
export const PROVIDER_DERIVERS = ['attribution'] as const;
