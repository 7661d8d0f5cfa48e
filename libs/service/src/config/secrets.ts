import { faultsOfFile } from './secret-file.ts';
import { path } from './values.ts';

/**
 * Secrets come from files, the same in all instances. Several values in a file are all accepted; the first is the one
 * in use.
 */
export const secretsEnv = {
  TOKEN_SIGNING_KEYS_FILE: path.describe('JWK Set of ES256 keys of the access tokens; the first signs.'),
  PAGE_LINK_KEYS_FILE: path.describe('Keys that seal page links: base64url, 32 bytes or more, one a line.'),
  MEMBER_HASH_KEYS_FILE: path.describe(
    'Keys of member hashes and of the page links of Groups: base64url, 32 bytes or more, one a line.',
  ),
  ADMINISTRATOR_TOKENS_FILE: path.describe('Tokens of administrators: 32 characters or more, one a line.'),
  PAYER_TOKENS_FILE: path.describe("Tokens of the payer's systems: 32 characters or more, one a line."),
};
type SecretVariable = keyof typeof secretsEnv;

/** Files among the variables that cannot be used: a sentence each. */
export function secretFaults(env: Readonly<Record<string, unknown>>): string[] {
  return (Object.keys(secretsEnv) as SecretVariable[]).flatMap((variable) =>
    typeof env[variable] === 'string' ? [...faultsOfFile(variable, env[variable])] : [],
  );
}
