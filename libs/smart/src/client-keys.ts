import type { JWK } from 'jose';

export const ASSERTION_ALGORITHMS = ['RS384', 'ES384'] as const;
export type AssertionAlgorithm = (typeof ASSERTION_ALGORITHMS)[number];

/** JWK parameters that only a private or symmetric key has (RFC 7518 §6). */
const SECRET_PARAMETERS = ['d', 'p', 'q', 'dp', 'dq', 'qi', 'oth', 'k'] as const;
const MIN_RSA_BITS = 2048;
const BASE64URL = /^[A-Za-z0-9_-]+$/;

export const algorithmOf = (jwk: { readonly kty?: unknown }): AssertionAlgorithm | undefined =>
  jwk.kty === 'RSA' ? 'RS384' : jwk.kty === 'EC' ? 'ES384' : undefined;

/** The fault of a key that has this secret parameter. */
export const exposed = (parameter: string): string =>
  `holds the secret parameter "${parameter}": it is exposed, so make a new key pair and register the public key`;
/** The first parameter of a key that only a private or symmetric key has. */
export const secretParameter = (jwk: unknown): string | undefined =>
  typeof jwk === 'object' && jwk !== null ? SECRET_PARAMETERS.find((name) => Object.hasOwn(jwk, name)) : undefined;

/**
 * The fault of a client's public key; undefined for RSA with 2048 bits or more (RS384) and EC P-384 (ES384). The text
 * names JWK parameters, never their values.
 */
export function keyFault(jwk: unknown): string | undefined {
  if (typeof jwk !== 'object' || jwk === null || Array.isArray(jwk)) return 'is not a JSON object';
  const key = jwk as Record<string, unknown>;
  if (typeof key['kid'] !== 'string' || key['kid'] === '' || key['kid'].length > 256)
    return 'needs a kid of 1 to 256 characters';
  const secret = secretParameter(key);
  if (secret !== undefined) return exposed(secret);
  if (key['use'] !== undefined && key['use'] !== 'sig') return 'has a use other than "sig"';
  const algorithm = algorithmOf(key);
  if (algorithm === undefined) return 'has a kty other than RSA and EC';
  if (key['alg'] !== undefined && key['alg'] !== algorithm) return `has an alg other than ${algorithm}`;
  const members = algorithm === 'RS384' ? ['n', 'e'] : ['x', 'y'];
  for (const member of members)
    if (typeof key[member] !== 'string' || !BASE64URL.test(key[member])) return `needs "${member}" in base64url`;
  if (algorithm === 'ES384' && key['crv'] !== 'P-384') return 'has a crv other than P-384';
  if (algorithm === 'RS384' && rsaBits(key['n'] as string) < MIN_RSA_BITS)
    return `is an RSA key of less than ${MIN_RSA_BITS} bits`;
  return undefined;
}

function rsaBits(n: string): number {
  const bytes = Buffer.from(n, 'base64url');
  const first = bytes.findIndex((b) => b !== 0);
  return first === -1 ? 0 : (bytes.length - first) * 8 - Math.clz32(bytes[first]!) + 24;
}

/** Only the JWK parameters that verify a signature. */
export function publicPart(jwk: JWK): JWK {
  const { kty, n, e, crv, x, y } = jwk;
  return kty === 'RSA' ? { kty, n: n!, e: e! } : { kty: 'EC', crv: crv!, x: x!, y: y! };
}

/** A parameter of a key without leading zeros, so that one key has one form. */
const plain = (parameter: unknown): string =>
  typeof parameter === 'string'
    ? Buffer.from(parameter, 'base64url')
        .toString('hex')
        .replace(/^(00)+/, '')
    : '';

/** A text that two public keys have in common if and only if they are the same key, whatever their kids are. */
export function keyMark(jwk: unknown): string {
  const { kty, n, e, crv, x, y } = (typeof jwk === 'object' && jwk !== null ? jwk : {}) as Record<string, unknown>;
  return kty === 'RSA' ? `RSA ${plain(n)} ${plain(e)}` : `${String(kty)} ${String(crv)} ${plain(x)} ${plain(y)}`;
}
export const sameKey = (a: unknown, b: unknown): boolean => keyMark(a) === keyMark(b);
