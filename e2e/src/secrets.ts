import { generateKeyPairSync, randomBytes, randomUUID } from 'node:crypto';

/** Secrets of the deployments that tests start: files for separate processes, Secrets in a cluster. */
export const newSecret = (): string => randomBytes(32).toString('base64url');

/** A key with which auth signs tokens, as a JWK Set. */
export function newSigningKeys(): string {
  const { privateKey } = generateKeyPairSync('ec', { namedCurve: 'P-256' });
  return JSON.stringify({
    keys: [{ ...privateKey.export({ format: 'jwk' }), kid: randomUUID(), alg: 'ES256', use: 'sig' }],
  });
}
