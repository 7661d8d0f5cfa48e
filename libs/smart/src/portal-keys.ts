import { ConfigurationError } from '@provider-access/service/config';
import { exportJWK, generateKeyPair, type JWK } from 'jose';
import { keyFault, publicPart, sameKey } from './client-keys.ts';
import { openSecretFile, type SecretFile, type SecretFileAt } from './secret-file.ts';

/** Public keys of the payer's portal for members. */
export type PortalKeys = readonly JWK[];

/**
 * Opens the public keys with which the payer's portal signs links for members: a JWK Set, as an app registers one. It
 * may be empty, and then no link is valid. With `create`, the file of a trial is made with a private key, so that
 * `pa member-link` can sign; any other file with a private key is refused.
 * @throws ConfigurationError naming the role and the place, never a value
 */
export const openPortalKeys = (at: SecretFileAt): Promise<SecretFile<PortalKeys>> =>
  openSecretFile(at, (text, role) => parse(text, role, at.create === true), newKeys);

async function newKeys(): Promise<string> {
  const { privateKey } = await generateKeyPair('ES384', { extractable: true });
  const key = { ...(await exportJWK(privateKey)), kid: 'portal-1', alg: 'ES384', use: 'sig' };
  return `${JSON.stringify({ keys: [key] }, null, 2)}\n`;
}

function parse(text: string, role: string, isTrial: boolean): PortalKeys {
  let stored: { readonly keys?: unknown } | null;
  try {
    stored = JSON.parse(text) as typeof stored;
  } catch {
    throw new ConfigurationError(`${role}: names a file that is not JSON`);
  }
  if (!Array.isArray(stored?.keys))
    throw new ConfigurationError(`${role}: names a file that is no JWK Set {"keys": [...]}`);
  const keys = (stored.keys as JWK[]).map((key, i) => {
    const known = isTrial && typeof key === 'object' && key !== null ? withoutSecret(key) : key;
    const fault = keyFault(known);
    if (fault !== undefined) throw new ConfigurationError(`${role}: key ${i + 1} ${fault}`);
    return known;
  });
  keys.forEach((key, i) => {
    const isTwice = keys.slice(0, i).some((other) => other.kid === key.kid || sameKey(other, key));
    if (isTwice) throw new ConfigurationError(`${role}: key ${i + 1} has the kid, or is the key, of another one`);
  });
  return keys;
}

const withoutSecret = (key: JWK): JWK => {
  const { kid, alg, use } = key;
  const named = {
    ...(kid !== undefined && { kid }),
    ...(alg !== undefined && { alg }),
    ...(use !== undefined && { use }),
  };
  return { ...publicPart(key), ...named };
};
