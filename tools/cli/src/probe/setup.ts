import { readFileSync } from 'node:fs';
import { dirname, isAbsolute, join } from 'node:path';
import type { JWK } from 'jose';
import { readKey, writeSecret } from '../client/credentials.ts';
import type { Server } from '../client/server.ts';
import { registerOwn, type OwnApp } from '../client/steps.ts';
import { CliError, EXIT } from '../output.ts';
import { creation, removal, type ProbeWorld } from './content.ts';
import { publishAll } from './walk.ts';
import { ownFolder } from '../client/own-folder.ts';

export const PROBE_SCOPE = 'system/*.rs';
/** The file that `pa probe setup` writes and `pa probe` reads; the key is beside it. Neither is ever printed. */
export interface ProbeFile extends ProbeWorld {
  readonly server: string;
  readonly client_id: string;
  readonly scope: string;
  readonly key: string;
}

/** @throws CliError if the file is missing or the set-up did not write it */
export function readProbeFile(file: string): ProbeFile {
  let read: Partial<ProbeFile>;
  try {
    read = JSON.parse(readFileSync(file, 'utf8')) as Partial<ProbeFile>;
  } catch (error) {
    throw new CliError(
      EXIT.usage,
      `the app file ${file} cannot be read (${(error as NodeJS.ErrnoException).code ?? 'not JSON'}): \`pa probe ` +
        `setup\` writes it`,
    );
  }
  for (const name of ['client_id', 'key', 'member', 'npi'] as const)
    if (typeof read[name] !== 'string')
      throw new CliError(EXIT.usage, `the app file ${file} names no ${name}: \`pa probe setup\` writes it`);
  return { server: '', scope: PROBE_SCOPE, ...read } as ProbeFile;
}
/** The key of the app. The file names its path, relative to the file itself. */
export const keyOf = (file: string, { key }: Pick<ProbeFile, 'key'>): JWK =>
  readKey(isAbsolute(key) ? key : join(dirname(file), key));

export interface Operator {
  readonly server: Server;
  readonly internal: Server;
  readonly payerToken: () => string;
  readonly administratorToken: () => string;
}

/** Publishes the synthetic member and its provider. */
export const createMember = (
  { internal, payerToken }: Pick<Operator, 'internal' | 'payerToken'>,
  world: ProbeWorld,
): Promise<number> => publishAll(internal, payerToken(), creation(world, new Date().toISOString()));
/** Removes it again. */
export const removeMember = (
  { internal, payerToken }: Pick<Operator, 'internal' | 'payerToken'>,
  world: ProbeWorld,
): Promise<number> => publishAll(internal, payerToken(), removal(world, new Date().toISOString()));

/** Registers an app for the synthetic provider and approves it. */
export const registerProbe = (
  { server, administratorToken }: Operator,
  { npi }: ProbeWorld,
  name: string,
): Promise<OwnApp> =>
  registerOwn(server, administratorToken(), {
    name,
    npi,
    scope: PROBE_SCOPE,
    contact: 'mailto:operations@payer.example',
    approval: 'synthetic probe of the payer itself',
  });
/** Revokes it. A client cannot be deleted, because its history is kept. */
export async function revokeProbe({ server, administratorToken }: Operator, clientId: string): Promise<void> {
  await server.post(
    `/auth/clients/${encodeURIComponent(clientId)}/revoke`,
    { reason: 'requested-by-app', note: 'the probe that it was for is over' },
    { token: administratorToken() },
  );
}

/** The one-time set-up: member, provider, app. Writes `app.json` and `key.json` (mode 0600) into a folder. */
export async function setUp(operator: Operator, world: ProbeWorld, folder: string): Promise<ProbeFile> {
  ownFolder(folder, 0o700);
  await createMember(operator, world);
  const { clientId, key } = await registerProbe(operator, world, 'Synthetic probe');
  const file: ProbeFile = {
    server: operator.server.base,
    client_id: clientId,
    scope: PROBE_SCOPE,
    ...world,
    key: 'key.json',
  };
  writeSecret(join(folder, 'key.json'), key);
  writeSecret(join(folder, 'app.json'), file);
  return file;
}
