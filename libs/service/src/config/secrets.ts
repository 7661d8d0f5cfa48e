import { secretFile } from './secret-file.ts';

/**
 * Secrets come from files, the same in all instances. Several values in a file are all accepted; the first is the one
 * in use.
 */
export const secretsEnv = {
  TOKEN_SIGNING_KEYS_FILE: secretFile.describe('JWK Set of ES256 keys of the access tokens; the first signs.'),
  PAGE_LINK_KEYS_FILE: secretFile.describe('Keys that seal page links: base64url, 32 bytes or more, one a line.'),
  MEMBER_HASH_KEYS_FILE: secretFile.describe(
    'Keys of member hashes and of the page links of Groups: base64url, 32 bytes or more, one a line.',
  ),
  ADMINISTRATOR_TOKENS_FILE: secretFile.describe('Tokens of administrators: 32 characters or more, one a line.'),
  PAYER_TOKENS_FILE: secretFile.describe("Tokens of the payer's systems: 32 characters or more, one a line."),
  MEMBER_PORTAL_TOKENS_FILE: secretFile
    .optional()
    .describe(
      "Tokens of the payer's portal for members: 32 characters or more, one a line. Without it nobody uses " +
        '`/fhir/Consent`.',
    ),
  MEMBER_PORTAL_KEYS_FILE: secretFile
    .optional()
    .describe(
      "JWK Set of the public keys with which the payer's portal signs links for members (RS384 or ES384). Without it " +
        'no link is valid.',
    ),
};
