/**
 * Keys of an app in the browser. A private key is made or read here, is in memory alone, and never goes to a server:
 * what leaves is its public half and what it has signed (SMART App Launch 2.2, Backend Services; RFC 7523).
 */
type Jwk = JsonWebKey & { readonly kid?: string };
export interface AppKey {
  /** With the private members. */
  readonly jwk: Jwk & { readonly kid: string };
  readonly alg: Algorithm;
  readonly signs: CryptoKey;
}
type Algorithm = 'ES384' | 'RS384';

const EC = { name: 'ECDSA', namedCurve: 'P-384' } as const;
const RSA = { name: 'RSASSA-PKCS1-v1_5', hash: 'SHA-384' } as const;
/** The members of a public key, RFC 7518 section 6. */
const PUBLIC = ['kty', 'kid', 'alg', 'use', 'crv', 'x', 'y', 'n', 'e'] as const;
/** Seconds for which an assertion is valid. SMART permits five minutes. */
const LIFE = 240;

/** A new key of the curve P-384, which signs by ES384. */
export async function makeKey(): Promise<AppKey> {
  const { privateKey } = await crypto.subtle.generateKey(EC, true, ['sign', 'verify']);
  const { kty, crv, x, y, d } = await crypto.subtle.exportKey('jwk', privateKey);
  const kid = `es384-${crypto.randomUUID().slice(0, 8)}`;
  return {
    jwk: { kty, crv, x, y, d, kid, alg: 'ES384', use: 'sig' } as AppKey['jwk'],
    alg: 'ES384',
    signs: privateKey,
  };
}

/**
 * The key of a file: a private JWK, or a JWK Set with one.
 * @returns undefined if the text has no private key with a `kid` that can sign by ES384 or RS384
 */
export async function readKey(text: string): Promise<AppKey | undefined> {
  try {
    const read = JSON.parse(text) as Jwk & { readonly keys?: readonly Jwk[] };
    const jwk = read.keys === undefined ? read : read.keys.find(({ d }) => d !== undefined);
    if (jwk?.d === undefined || jwk.kid === undefined) return undefined;
    const isRsa = jwk.kty === 'RSA';
    // `use`, `alg` and `key_ops` of a file may contradict what the browser expects, and the parts of the key do not.
    const { use: _use, alg: _alg, key_ops: _ops, ...parts } = jwk;
    const signs = await crypto.subtle.importKey('jwk', parts, isRsa ? RSA : EC, false, ['sign']);
    return { jwk: jwk as AppKey['jwk'], alg: isRsa ? 'RS384' : 'ES384', signs };
  } catch {
    return undefined;
  }
}

/** The public half: what the platform gets. */
export const publicOf = ({ jwk, alg }: AppKey): Record<string, unknown> => {
  const found = PUBLIC.flatMap((name) => (jwk[name] === undefined ? [] : [[name, jwk[name]] as const]));
  return { ...Object.fromEntries(found), alg, use: 'sig' };
};

const base64url = (bytes: Uint8Array): string =>
  btoa(String.fromCharCode(...bytes))
    .replaceAll('+', '-')
    .replaceAll('/', '_')
    .replace(/=+$/, '');
const part = (value: object): string => base64url(new TextEncoder().encode(JSON.stringify(value)));

/** A client assertion. @param aud the token URL of the platform */
export async function assertionOf({ jwk, alg, signs }: AppKey, client: string, aud: string): Promise<string> {
  const now = Math.floor(Date.now() / 1000);
  const claims = { iss: client, sub: client, aud, iat: now, exp: now + LIFE, jti: crypto.randomUUID() };
  const text = `${part({ alg, kid: jwk.kid, typ: 'JWT' })}.${part(claims)}`;
  const how = alg === 'RS384' ? RSA : { name: 'ECDSA', hash: 'SHA-384' };
  const bytes = await crypto.subtle.sign(how, signs, new TextEncoder().encode(text));
  return `${text}.${base64url(new Uint8Array(bytes))}`;
}
