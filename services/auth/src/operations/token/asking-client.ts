import type { ClientRegistration } from '@provider-access/facts';
import type { AssertionClient } from '@provider-access/smart';
import type { AuthContext } from '../../auth.ts';
import { acceptedFormer } from '../../domain/client-keys.ts';

/**
 * A pending app that registered its keys can prove its identity, so the answer says that a reviewer has not approved it
 * yet. A pending app with a jwks_uri is treated as unknown, because nobody has approved that this server fetches that
 * URL. Rejected and suspended apps are treated as unknown too.
 */
export function assertionClient(client: ClientRegistration | undefined, now: number): AssertionClient | undefined {
  if (
    client === undefined ||
    (client.status !== 'approved' && !(client.status === 'pending' && client.jwks !== undefined))
  )
    return undefined;
  return {
    ...(client.jwks !== undefined && { jwks: client.jwks }),
    ...(client.jwksUri !== undefined && { jwksUri: client.jwksUri }),
    former: acceptedFormer(client.formerKeys, now),
  };
}

/** Whether one of the providers that the app is bound to is in network now. */
export function inNetwork({ parties, ports }: AuthContext, client: Pick<ClientRegistration, 'providers'>): boolean {
  const now = parties.decisionTime(ports.clock.now());
  return client.providers.some(
    (provider) =>
      parties.network(provider).findLast((change) => Date.parse(change.from) <= now)?.status === 'in-network',
  );
}
