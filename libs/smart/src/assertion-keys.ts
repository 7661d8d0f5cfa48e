import type { JWK, ProtectedHeaderParameters } from 'jose';
import { JKU_FOREIGN } from './assertion-claims.ts';
import { algorithmOf, type AssertionAlgorithm, keyFault, sameKey } from './client-keys.ts';
import type { JwksSource } from './jwks-source.ts';

/** Either a list of public keys, or the URL under which the client publishes them. */
interface KeySet {
  readonly jwks?: { readonly keys: readonly unknown[] };
  readonly jwksUri?: string;
}
/** The keys of a client. `former`: sets from before a change of the keys that are still accepted. */
export interface AssertionClient extends KeySet {
  readonly former?: readonly KeySet[];
}
/** The key that verified an assertion. `jwksUri`: the URL that published the key. */
export interface UsedKey {
  readonly jwk: JWK;
  readonly jwksUri?: string;
}

/**
 * The key of the client that the header of an assertion names. The newest set that has a fitting key decides, so that a
 * former set cannot bring back a key that the client replaced under the same kid.
 */
export async function selectKey(
  header: ProtectedHeaderParameters,
  algorithm: AssertionAlgorithm,
  client: AssertionClient,
  source: JwksSource,
): Promise<UsedKey | { readonly fault: string }> {
  if (typeof header.kid !== 'string' || header.kid === '' || header.kid.length > 256)
    return { fault: 'kid must be in the header of client_assertion.' };
  const { jku } = header;
  const sets = [client, ...(client.former ?? [])].filter(({ jwksUri }) => jku === undefined || jku === jwksUri);
  if (sets.length === 0) return { fault: JKU_FOREIGN };
  const fits = (key: unknown): key is JWK =>
    typeof key === 'object' && key !== null && (key as JWK).kid === header.kid && algorithmOf(key as JWK) === algorithm;

  let unreachable: string | undefined;
  for (const set of sets) {
    const known = await keysOf(set, fits, source);
    if ('reason' in known) {
      unreachable ??= `The registered jwks_uri does not give a key set: ${known.reason}.`;
      continue;
    }
    const found = known.keys.filter(fits);
    if (found.length === 0) continue;
    if (found.length > 1) return { fault: 'More than one registered key has this kid.' };
    const fault = keyFault(found[0]);
    if (fault !== undefined) return { fault: `The registered key with this kid ${fault}.` };
    return { jwk: found[0]!, ...(set.jwksUri !== undefined && { jwksUri: set.jwksUri }) };
  }
  return { fault: unreachable ?? `No registered key has this kid and the type (kty) that ${algorithm} needs.` };
}

async function keysOf(
  { jwks, jwksUri }: KeySet,
  fits: (key: unknown) => boolean,
  source: JwksSource,
): Promise<{ readonly keys: readonly unknown[] } | { readonly reason: string }> {
  if (jwksUri === undefined) return { keys: jwks?.keys ?? [] };
  let set = await source.get(jwksUri);
  if (set.ok && !set.keys.some(fits)) set = await source.get(jwksUri, { refresh: true });
  return set.ok ? { keys: set.keys } : { reason: set.reason };
}

/** Whether the client still has the key that verified an assertion, after a change that came meanwhile. */
export const stillHas = (client: AssertionClient, { jwk, jwksUri }: UsedKey): boolean =>
  [client, ...(client.former ?? [])].some((set) =>
    jwksUri !== undefined
      ? set.jwksUri === jwksUri
      : (set.jwks?.keys.some((key) => (key as JWK).kid === jwk.kid && sameKey(key, jwk)) ?? false),
  );
