import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import type { JWK } from 'jose';
import { CliError, EXIT } from '../output.ts';
import { writeOwn } from '../own-file.ts';

/** What `pa apps register` writes and the provider's commands read. The private key stays in a file of its own. */
export interface AppFile {
  readonly server: string;
  readonly client_id: string;
  readonly registration_client_uri: string;
  readonly registration_access_token: string;
  /** Path of the private JWK, relative to where the command runs. */
  readonly key: string;
  readonly scope: string;
}
export const KEY_ALGORITHMS = ['ES384', 'RS384'] as const;
export type KeyAlgorithm = (typeof KEY_ALGORITHMS)[number];

function readJson<T>(file: string, what: string): T {
  let text: string;
  try {
    text = readFileSync(file, 'utf8');
  } catch (error) {
    throw new CliError(EXIT.usage, `${what} ${file} cannot be read (${(error as NodeJS.ErrnoException).code})`);
  }
  try {
    return JSON.parse(text) as T;
  } catch {
    throw new CliError(EXIT.usage, `${what} ${file} is not JSON`);
  }
}
export const readKey = (file: string): JWK => readJson<JWK>(file, 'the key');
/** The private key with which a portal signs links for members. `file`: a JWK, or a JWK Set whose first key counts. */
export function readPortalKey(file: string): JWK {
  const stored = readJson<JWK & { readonly keys?: readonly JWK[] }>(file, 'the key of the portal');
  const key = stored.keys?.[0] ?? stored;
  if (key.d === undefined)
    throw new CliError(EXIT.usage, `the key of the portal ${file} has no private key: name the one with --key`);
  return key;
}
export const readApp = (file: string): AppFile => readJson<AppFile>(file, 'the app file');
export function writeSecret(file: string, value: unknown): void {
  writeOwn(file, `${JSON.stringify(value, null, 2)}\n`);
}

/** A new private JWK with `kid`, `alg` and `use`. */
export async function newKey(alg: KeyAlgorithm): Promise<JWK> {
  // Most commands of `pa` sign nothing, and do not pay for the library.
  const { exportJWK, generateKeyPair } = await import('jose');
  const { privateKey } = await generateKeyPair(alg, {
    extractable: true,
    ...(alg === 'RS384' && { modulusLength: 3072 }),
  });
  const jwk = await exportJWK(privateKey);
  return { ...jwk, kid: `${alg.toLowerCase()}-${crypto.randomUUID().slice(0, 8)}`, alg, use: 'sig' };
}

/** The public half: only what a verifier needs. */
export function publicJwk(key: JWK): JWK {
  const { kty, kid, alg, use, crv, x, y, n, e } = key;
  return JSON.parse(JSON.stringify({ kty, kid, alg, use, crv, x, y, n, e })) as JWK;
}

/**
 * The administrator's or the payer's token: from the environment (`PA_ADMINISTRATOR_TOKEN`, `PA_PAYER_TOKEN`), else
 * from a file that it names (`PA_…_TOKEN_FILE`, the first line), else from the data folder where `npm start` wrote it.
 */
export function roleToken(role: 'administrator' | 'payer', dataDir: string): string {
  const fromEnv = process.env[`PA_${role.toUpperCase()}_TOKEN`];
  if (fromEnv !== undefined && fromEnv !== '') return fromEnv;
  const named = process.env[`PA_${role.toUpperCase()}_TOKEN_FILE`];
  const file = named !== undefined && named !== '' ? named : join(dataDir, `${role}.token`);
  try {
    return (
      readFileSync(file, 'utf8')
        .split('\n')
        .map((line) => line.trim())
        .find((line) => line !== '') ?? ''
    );
  } catch {
    throw new CliError(
      EXIT.unauthorized,
      `no ${role} token: set PA_${role.toUpperCase()}_TOKEN or PA_${role.toUpperCase()}_TOKEN_FILE, or name the ` +
        `platform's data folder with --data-dir (looked for ${file})`,
    );
  }
}
