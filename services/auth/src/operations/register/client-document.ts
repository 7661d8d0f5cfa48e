import { providersAt } from '@provider-access/domain/access';
import { grantScopes } from '@provider-access/domain/smart';
import type { ClientKeySet, ClientRegistration } from '@provider-access/facts';
import { acceptedFormer } from '../../domain/client-keys.ts';

const identifiers = (providers: readonly string[], system: 'npi' | 'tin'): string[] =>
  providers.filter((p) => p.startsWith(`${system}|`)).map((p) => p.slice(system.length + 1));

const keySet = ({ jwks, jwksUri }: ClientKeySet): Record<string, unknown> => ({ jwks, jwks_uri: jwksUri });

/** What the app asked for by a change of its registration, and no reviewer has decided about (APPS.md P44). */
export function waitsForReview(
  client: ClientRegistration,
  providers: readonly string[],
): Record<string, unknown> | undefined {
  const { reviewedClaims: reviewed, scope, requestedScope } = client;
  if (reviewed === undefined) return undefined;
  const isNew = (system: 'npi' | 'tin', before: readonly string[]) => (value: string) =>
    !before.includes(value) && !providers.includes(`${system}|${value}`);
  const npi = client.npis.filter(isNew('npi', reviewed.npis));
  const tin = client.tins.filter(isNew('tin', reviewed.tins));
  const covered = (part: string): boolean => grantScopes(part, scope) === grantScopes(part, part);
  const more = requestedScope === reviewed.requestedScope ? [] : requestedScope.split(' ').filter((s) => !covered(s));
  if (npi.length + tin.length + more.length === 0) return undefined;
  return {
    ...(npi.length > 0 && { npi }),
    ...(tin.length > 0 && { tin }),
    ...(more.length > 0 && { scope: more.join(' ') }),
  };
}

/**
 * A client as the app's developer and the reviewer see it: everything that was registered (APPS.md P43), its status,
 * and bound identifiers.
 */
export function clientDocument(client: ClientRegistration, now: number): Record<string, unknown> {
  const providers = providersAt(client, now);
  const former = acceptedFormer(client.formerKeys, now);
  return {
    // The names of these come from a table, and none of them is below.
    ...client.metadata,
    client_id: client.client,
    client_id_issued_at: Math.floor(Date.parse(client.registeredAt) / 1000),
    client_name: client.name,
    status: client.status,
    reason: client.history.at(-1)?.reason,
    note: client.history.at(-1)?.note,
    scope: client.scope,
    ...keySet(client),
    waits_for_review: waitsForReview(client, providers),
    updated_at: client.updatedAt,
    keys_changed_at: client.keysChangedAt,
    ...(former.length > 0 && {
      former_keys: former.map(({ until, ...set }) => ({ ...keySet(set), accepted_until: until })),
    }),
    contacts: client.contacts,
    npi: client.metadata?.['npi'] ?? client.npis,
    ...(client.tins.length > 0 && { tin: client.tins }),
    ...(providers.length > 0 && { bound: { npi: identifiers(providers, 'npi'), tin: identifiers(providers, 'tin') } }),
    grant_types: ['client_credentials'],
    token_endpoint_auth_method: 'private_key_jwt',
  };
}
