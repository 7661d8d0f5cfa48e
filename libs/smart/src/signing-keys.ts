import { calculateJwkThumbprint, exportJWK, generateKeyPair, type CryptoKey, type JWK } from 'jose';
import { importKey } from './import-key.ts';
import { readOrCreatePrivateFile } from './private-file.ts';

/** Public half of a signing key as `GET /auth/jwks` shows it. */
export interface PublicSigningKey { readonly kid: string; readonly kty: 'EC'; readonly crv: 'P-256'; readonly x: string; readonly y: string; readonly alg: 'ES256'; readonly use: 'sig' }
export interface SigningKey { readonly kid: string; readonly privateKey: CryptoKey }
/** What verifying access tokens needs; a service that only reads can be given public keys alone. */
export interface VerificationKeys { verificationKey(kid: string): CryptoKey | undefined }

interface StoredKey { readonly kid: string; readonly createdAt: string; readonly privateJwk: JWK }
interface StoredKeys { readonly keys: readonly StoredKey[] }

/** A key file that cannot be used: the start ends with it. */
export class SigningKeysUnreadable extends Error {
  override readonly name = 'SigningKeysUnreadable';
}

async function createFile(now: number): Promise<string> {
  const { privateKey } = await generateKeyPair('ES256', { extractable: true });
  const privateJwk = await exportJWK(privateKey);
  const stored: StoredKeys = { keys: [{ kid: await calculateJwkThumbprint(privateJwk), createdAt: new Date(now).toISOString(), privateJwk }] };
  return `${JSON.stringify(stored, undefined, 2)}\n`;
}

/** ES256 keys of our own access tokens: the newest signs, all verify, so that a key can be added before an old one goes. */
export class SigningKeys implements VerificationKeys {
  readonly current: SigningKey;
  readonly published: readonly PublicSigningKey[];
  private readonly byKid: ReadonlyMap<string, CryptoKey>;

  private constructor(current: SigningKey, published: readonly PublicSigningKey[], byKid: ReadonlyMap<string, CryptoKey>) {
    this.current = current;
    this.published = published;
    this.byKid = byKid;
  }

  /** Reads the file (`{ keys: [{ kid, createdAt, privateJwk }] }`) or creates it with one key, mode 0600. `now`: ms since the epoch. */
  static async open(file: string, now: number): Promise<SigningKeys> {
    const text = await readOrCreatePrivateFile(file, () => createFile(now));
    let stored: StoredKeys;
    try {
      stored = JSON.parse(text) as StoredKeys;
    } catch {
      throw new SigningKeysUnreadable('The file of the token signing keys is not JSON.');
    }
    if (!Array.isArray(stored.keys) || stored.keys.length === 0) throw new SigningKeysUnreadable('The file of the token signing keys holds no key.');
    const newestFirst = [...stored.keys].sort((a, b) => (a.createdAt < b.createdAt ? 1 : -1));
    const published: PublicSigningKey[] = [];
    const byKid = new Map<string, CryptoKey>();
    let current: SigningKey | undefined;
    for (const { kid, privateJwk } of newestFirst) {
      const { kty, crv, x, y, d } = privateJwk ?? {};
      if (kty !== 'EC' || crv !== 'P-256' || typeof x !== 'string' || typeof y !== 'string' || typeof d !== 'string' || typeof kid !== 'string') throw new SigningKeysUnreadable('The file of the token signing keys holds a key that is not a private P-256 key with a kid.');
      current ??= { kid, privateKey: await importKey({ kty, crv, x, y, d }, 'ES256') };
      byKid.set(kid, await importKey({ kty, crv, x, y }, 'ES256'));
      published.push({ kid, kty, crv, x, y, alg: 'ES256', use: 'sig' });
    }
    return new SigningKeys(current!, published, byKid);
  }

  verificationKey(kid: string): CryptoKey | undefined {
    return this.byKid.get(kid);
  }
  /** RFC 7517 JWK Set, public members only. */
  jwks(): { readonly keys: readonly PublicSigningKey[] } {
    return { keys: this.published };
  }
}
