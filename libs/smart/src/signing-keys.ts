import { createHash, createPrivateKey, createPublicKey, type KeyObject, sign, verify } from 'node:crypto';
import { ConfigurationError } from '@provider-access/service/config';
import { exportJWK, generateKeyPair } from 'jose';
import { openSecretFile, type SecretFile, type SecretFileAt } from './secret-file.ts';

/** The public part of a signing key in `GET /auth/jwks` and `pa.registry`. */
interface PublicSigningKey {
  readonly kid: string;
  readonly kty: 'EC';
  readonly crv: 'P-256';
  readonly x: string;
  readonly y: string;
  readonly alg: 'ES256';
  readonly use: 'sig';
}
export interface SigningKey {
  readonly kid: string;
  readonly privateKey: KeyObject;
  readonly publicJwk: PublicSigningKey;
}

/** A key in a file. */
type StoredKey = Partial<Readonly<Record<'kid' | 'kty' | 'crv' | 'x' | 'y' | 'd' | 'alg' | 'use', unknown>>>;

/** RFC 7638, for a P-256 key. */
const thumbprint = (x: string, y: string): string =>
  createHash('sha256')
    .update(JSON.stringify({ crv: 'P-256', kty: 'EC', x, y }))
    .digest('base64url');

/**
 * ES256 keys that sign our access tokens, in the order of preference; never empty. Only auth has them. Every service
 * verifies with the public keys from `pa.registry` (`publishedKeys`).
 */
export type SigningKeys = readonly SigningKey[];

/**
 * A JWK Set with private ES256 (P-256) keys. @throws ConfigurationError naming the role and the place, never a value
 */
function parseSigningKeys(text: string, role: string): SigningKeys {
  let stored: { readonly keys?: unknown };
  try {
    stored = JSON.parse(text) as typeof stored;
  } catch {
    throw new ConfigurationError(`${role}: names a file that is not JSON`);
  }
  if (!Array.isArray(stored?.keys) || stored.keys.length === 0)
    throw new ConfigurationError(`${role}: names a file that holds no key: a JWK Set {"keys": [...]} is needed`);
  const all = (stored.keys as StoredKey[]).map((entry, i) => readKey(entry, `${role}: key ${i + 1}`));
  if (new Set(all.map((key) => key.kid)).size < all.length)
    throw new ConfigurationError(`${role}: two keys have the same kid`);
  return all;
}

function readKey(entry: StoredKey | null, place: string): SigningKey {
  const { kty, crv, x, y, d, alg, use, kid } = entry ?? {};
  if (kty !== 'EC' || crv !== 'P-256' || typeof x !== 'string' || typeof y !== 'string' || typeof d !== 'string')
    throw new ConfigurationError(`${place} is not a private EC key on P-256 (kty, crv, x, y, d)`);
  if ((alg !== undefined && alg !== 'ES256') || (use !== undefined && use !== 'sig'))
    throw new ConfigurationError(`${place} is for another alg than ES256 or another use than sig`);
  if (kid !== undefined && (typeof kid !== 'string' || !/^[A-Za-z0-9._-]{1,128}$/.test(kid)))
    throw new ConfigurationError(
      `${place} has a kid that is not 1 to 128 letters, digits, dots, dashes and underscores`,
    );
  const name = kid ?? thumbprint(x, y);
  let privateKey: KeyObject;
  try {
    privateKey = createPrivateKey({ key: { kty, crv, x, y, d }, format: 'jwk' });
    // The published key must verify the signatures of the private key.
    const probe = Buffer.from(name);
    if (
      !verify(
        'sha256',
        probe,
        createPublicKey({ key: { kty, crv, x, y }, format: 'jwk' }),
        sign('sha256', probe, privateKey),
      )
    )
      throw new TypeError('another key');
  } catch {
    throw new ConfigurationError(`${place} is not a key pair: its d does not belong to its x and y`);
  }
  return { kid: name, privateKey, publicJwk: { kid: name, kty, crv, x, y, alg: 'ES256', use: 'sig' } };
}

async function newFile(): Promise<string> {
  const { privateKey } = await generateKeyPair('ES256', { extractable: true });
  const { kty, crv, x, y, d } = await exportJWK(privateKey);
  const keys = [{ kty, crv, x, y, d, alg: 'ES256', use: 'sig', kid: thumbprint(x!, y!) }];
  return `${JSON.stringify({ keys }, undefined, 2)}\n`;
}

/** @throws ConfigurationError */
export const openSigningKeys = (at: SecretFileAt): Promise<SecretFile<SigningKeys>> =>
  openSecretFile(at, parseSigningKeys, newFile);
