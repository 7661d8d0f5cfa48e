import { fixedSecret, openSigningKeys, type Secret, type SigningKeys, type StaticTokens } from '@provider-access/smart';
import type { ServiceContext } from '../define-service.ts';

/** Secrets without files. Without signing keys for services other than auth. */
export function fixedSecrets(
  staticTokens: StaticTokens,
  keys?: Secret<SigningKeys>,
): Pick<ServiceContext, 'secrets' | 'staticTokens'> {
  const pageKeys = fixedSecret([Buffer.alloc(32, 7)]);
  const signingKeys = (): Secret<SigningKeys> => {
    if (keys === undefined) throw new TypeError('this test gives no signing keys');
    return keys;
  };
  const secrets = {
    staticTokens,
    memberHash: undefined,
    portalKeys: undefined,
    signingKeys,
    pageKeys: () => pageKeys,
    close: () => undefined,
  };
  return { secrets, staticTokens };
}

/** New signing keys in a file, or those that are in it. */
export const signingKeysIn = async (file: string): Promise<SigningKeys> =>
  (await openSigningKeys({ role: 'token signing keys', file, create: true, everyMs: 0 })).current;
