import { createPrivateKey, generateKeyPairSync, randomUUID, sign, type webcrypto } from 'node:crypto';

type JsonWebKey = webcrypto.JsonWebKey & { readonly kid?: string };

/** What the system of a provider's app sends, made by Node alone, for tests that choose each request. */

/** A new key: the private one, and the public one for a registration. */
export function newAppKey(): { readonly key: JsonWebKey; readonly publicJwk: JsonWebKey } {
  const { privateKey, publicKey } = generateKeyPairSync('ec', { namedCurve: 'P-384' });
  const named = { kid: 'k1', alg: 'ES384' };
  return {
    key: { ...privateKey.export({ format: 'jwk' }), ...named },
    publicJwk: { ...publicKey.export({ format: 'jwk' }), ...named, use: 'sig' },
  };
}

interface App {
  readonly clientId: string;
  readonly key: JsonWebKey;
  readonly scope?: string;
}
const base64url = (value: unknown): string => Buffer.from(JSON.stringify(value)).toString('base64url');

/** A client assertion (RFC 7523) signed with the app's ES384 key (RFC 7518 §3.4); `claims` override. */
export function clientAssertion(app: App, audience: string, claims: Record<string, unknown> = {}): string {
  const now = Math.floor(Date.now() / 1000);
  const times = { iat: now, exp: now + 240 };
  const payload = { iss: app.clientId, sub: app.clientId, aud: audience, ...times, jti: randomUUID(), ...claims };
  const body = `${base64url({ alg: 'ES384', kid: app.key['kid'], typ: 'JWT' })}.${base64url(payload)}`;
  const key = createPrivateKey({ key: app.key, format: 'jwk' });
  return `${body}.${sign('sha384', Buffer.from(body), { key, dsaEncoding: 'ieee-p1363' }).toString('base64url')}`;
}

/** A form for the token and introspection endpoints. */
export const form = (fields: Record<string, string>) => ({
  method: 'POST' as const,
  headers: { 'content-type': 'application/x-www-form-urlencoded' },
  body: new URLSearchParams(fields).toString(),
});
/** The exchange of an assertion for a token. */
export const exchange = (assertion: string, scope = 'system/*.rs') =>
  form({
    grant_type: 'client_credentials',
    scope,
    client_assertion_type: 'urn:ietf:params:oauth:client-assertion-type:jwt-bearer',
    client_assertion: assertion,
  });
/** A new exchange of an app. An assertion is valid for one request. */
export const tokenRequest = (app: App, base: string, claims?: Record<string, unknown>) =>
  exchange(clientAssertion(app, `${base}/auth/token`, claims), app.scope);
