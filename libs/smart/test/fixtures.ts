import type { KeyObject } from 'node:crypto';
import { mkdtemp } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { exportJWK, generateKeyPair, SignJWT, type CryptoKey, type JWK, type JWTPayload } from 'jose';
import type { ClientFacts, ClientStatus } from '@provider-access/domain/access';
import { openSigningKeys, type SigningKeys } from '../src/signing-keys.ts';

export const NOW = Date.parse('2027-01-04T12:00:00.000Z');
export const NOW_S = NOW / 1000;
export const TOKEN_URL = 'https://payer.example/auth/token';

export class SettableClock {
  ms = NOW;
  now(): number {
    return this.ms;
  }
  pass(ms: number): void {
    this.ms += ms;
  }
}

export interface KeyPair {
  readonly privateKey: CryptoKey;
  readonly jwk: JWK;
}
export async function keyPair(alg: 'RS384' | 'ES384' | 'RS256' | 'ES256', kid: string): Promise<KeyPair> {
  const { publicKey, privateKey } = await generateKeyPair(alg, { extractable: true });
  return { privateKey, jwk: { ...(await exportJWK(publicKey)), kid } };
}

/** New signing keys in a file, or those that are in it. */
export const signingKeysIn = async (file: string): Promise<SigningKeys> =>
  (await openSigningKeys({ role: 'token signing keys', file, create: true, everyMs: 0 })).current;

/** A compact JWS with exactly these parts. */
export const encode = (header: object, payload: object, signature = 'c2ln'): string =>
  [...[header, payload].map((part) => Buffer.from(JSON.stringify(part)).toString('base64url')), signature].join('.');
export const sign = (
  key: CryptoKey | KeyObject | Uint8Array,
  header: { alg: string } & Record<string, unknown>,
  payload: JWTPayload,
): Promise<string> => new SignJWT(payload).setProtectedHeader(header).sign(key);

export const claims = (client: string, over: Record<string, unknown> = {}): JWTPayload =>
  ({ iss: client, sub: client, aud: TOKEN_URL, exp: NOW_S + 240, jti: 'j-1', ...over }) as JWTPayload;

/** The claims of the state port. `reopened` keeps them, as a restart does. */
export class OnceStore {
  readonly kept: Map<string, number>;
  constructor(kept = new Map<string, number>()) {
    this.kept = kept;
  }
  insertOnce(namespace: string, key: string, expiresAt: number): Promise<boolean> {
    const id = `${namespace} ${key}`;
    if (this.kept.has(id)) return Promise.resolve(false);
    this.kept.set(id, expiresAt);
    return Promise.resolve(true);
  }
}

export const clientFacts = (client: string, history: readonly (readonly [ClientStatus, number])[]): ClientFacts => ({
  client,
  name: 'An app',
  status: history.at(-1)![0],
  history: history.map(([status, at]) => ({ status, at: new Date(at).toISOString() })),
  bindings: [],
  scope: 'system/*.rs',
});
export const newFolder = (): Promise<string> => mkdtemp(join(tmpdir(), 'smart-'));
