import { createPublicKey, type KeyObject } from 'node:crypto';

/**
 * The key that verifies tokens of a kid now; undefined for one that is unknown or was withdrawn. Asked for every
 * request.
 */
export type KeySource = (kid: string) => KeyObject | undefined;

/** The part of `Parties` that is needed here: keys that were published and not withdrawn. */
export interface PublishedSigningKeys {
  signingKey(kid: string): { readonly jwk: Readonly<Record<string, unknown>> } | undefined;
}

/**
 * The keys of `pa.registry`. Only P-256 keys for ES256, read by their public members alone: whatever else a JWK claims,
 * nothing else verifies here.
 */
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
    // No point of the curve: a key that verifies nothing.
    return undefined;
  }
}
