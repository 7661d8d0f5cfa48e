import type { ClientRegistration } from '@provider-access/facts';

const identifiers = (providers: readonly string[], system: 'npi' | 'tin'): string[] =>
  providers.filter((p) => p.startsWith(`${system}|`)).map((p) => p.slice(system.length + 1));

/** A client as the app's developer and the reviewer see it: RFC 7591 metadata, status and bound identifiers. */
export function clientDocument(client: ClientRegistration): Record<string, unknown> {
  const { providers } = client;
  const reason = client.history.at(-1)?.reason;
  return {
    client_id: client.client,
    client_id_issued_at: Math.floor(Date.parse(client.registeredAt) / 1000),
    client_name: client.name,
    status: client.status,
    ...(reason !== undefined && { reason }),
    scope: client.scope,
    ...(client.jwks !== undefined && { jwks: client.jwks }),
    ...(client.jwksUri !== undefined && { jwks_uri: client.jwksUri }),
    contacts: client.contacts,
    npi: client.npis,
    ...(client.tins.length > 0 && { tin: client.tins }),
    ...(providers.length > 0 && { bound: { npi: identifiers(providers, 'npi'), tin: identifiers(providers, 'tin') } }),
    grant_types: ['client_credentials'],
    token_endpoint_auth_method: 'private_key_jwt',
  };
}
