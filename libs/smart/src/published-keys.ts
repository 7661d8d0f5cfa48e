import { createPublicKey, type KeyObject } from 'node:crypto';

/** The key that verifies tokens of a kid; undefined if the kid is unknown or withdrawn. Called for every request. */
export type KeySource = (kid: string) => KeyObject | undefined;

/** The part of the registry with the keys that are published and not withdrawn. */
export interface PublishedSigningKeys {
  signingKey(kid: string): { readonly jwk: Readonly<Record<string, unknown>> } | undefined;
}

/** The keys of `pa.registry`. Only the public parameters of P-256 keys for ES256 count, whatever else a JWK has. */
export function publishedKeys(registry: PublishedSigningKeys): KeySource {
  const imported = new WeakMap<object, KeyObject | 'unusable'>();
  return (kid) => {
    const published = registry.signingKey(kid);
    if (published === undefined) return undefined;
    let key = imported.get(published.jwk);
    if (key === undefined) imported.set(published.jwk, (key = read(published.jwk) ?? 'unusable'));
    return key === 'unusable' ? undefined : key;
  };
}

function read({ kty, crv, x, y, alg, use }: Readonly<Record<string, unknown>>): KeyObject | undefined {
  if (kty !== 'EC' || crv !== 'P-256' || typeof x !== 'string' || typeof y !== 'string') return undefined;
  if ((alg !== undefined && alg !== 'ES256') || (use !== undefined && use !== 'sig')) return undefined;
  try {
    return createPublicKey({ key: { kty, crv, x, y }, format: 'jwk' });
  } catch {
    // Not a point of the curve, so the key cannot verify anything.
    return undefined;
  }
}
