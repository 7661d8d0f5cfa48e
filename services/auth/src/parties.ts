import type { Parties } from '@provider-access/facts';

/** The part of the party facts that auth reads. */
export type AuthParties = Pick<
  Parties,
  | 'client'
  | 'boundTo'
  | 'registryVersion'
  | 'network'
  | 'signingKey'
  | 'signingKeys'
  | 'withdrawnKey'
  | 'position'
  | 'derived'
  | 'waitFor'
  | 'onChange'
  | 'ready'
  | 'failure'
  | 'current'
  | 'seenBy'
  | 'decisionTime'
>;
