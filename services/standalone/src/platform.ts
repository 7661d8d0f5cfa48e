import { join, resolve } from 'node:path';
import { topicSettings } from '@provider-access/events';
import {
  FLUSH_MS,
  openEngines,
  openSecrets,
  type ProcessRoutesOptions,
  startProcess,
  RELEASE,
} from '@provider-access/process';
import { readConfig, versionsEnv } from '@provider-access/service/config';
import { TraceScopes, type Logger } from '@provider-access/service/observability';
import type { StaticTokens } from '@provider-access/smart';
import { z } from 'zod';
import { dataFolderOf, type StandaloneConfig } from './config.ts';
import { isDatabaseFault, takeDataFolder, unusable } from './data-folder.ts';
import { dispatch, publicOnly } from './dispatch.ts';
import { keepToRetention } from './retention.ts';
import { ALL } from './services.ts';

export type Platform = Awaited<ReturnType<typeof startPlatform>>;

/** Runs the five services in this process, on engines in the data folder. */
export async function startPlatform(
  config: StandaloneConfig,
  logger: Logger,
  scopes = new TraceScopes(),
  more: (tokens: StaticTokens) => NonNullable<ProcessRoutesOptions['routes']> = () => ({}),
) {
  const dataDir = resolve(dataFolderOf(config));
  const closing: (() => Promise<void> | void)[] = [takeDataFolder(dataDir)];
  const stop = async (): Promise<void> => {
    for (const close of closing.splice(0).reverse()) await close();
  };
  const inFolder = (name: string) => ({ role: name, file: join(dataDir, name) });
  const [administrator, payer] = [inFolder('administrator.token'), inFolder('payer.token')];
  const memberPortal = inFolder('member-portal.token');
  try {
    // The first start creates the files. The process reads a changed file within 10 s.
    const secrets = await openSecrets(
      {
        administrator,
        payer,
        'member-portal': memberPortal,
        signingKeys: inFolder('token-signing-keys.json'),
        pageKeys: inFolder('page-links.key'),
        memberHash: inFolder('member-hash.key'),
        portalKeys: inFolder('member-portal-keys.json'),
      },
      { create: true, logger },
    );
    closing.push(() => secrets.close());
    const retention = topicSettings({
      payerRetentionDays: config.PAYER_RETENTION_DAYS,
      versionRetentionDays: readConfig(z.object(versionsEnv), process.env).VERSION_RETENTION_DAYS,
    });
    const { SERVICE_LEVELS_SINCE, ALLOW_INSECURE_JWKS } = config;
    const publicUrlOf = (address: string): string => config.PUBLIC_URL ?? address;
    const running = await startProcess({
      name: 'standalone',
      config,
      secrets,
      logger,
      scopes,
      engines: enginesIn(dataDir, config, logger),
      upkeep: (log) => keepToRetention(log, retention, logger),
      services(address) {
        const env = { ...process.env, PUBLIC_URL: publicUrlOf(address) };
        return ALL.map((service) => service.read(env, { SERVICE_LEVELS_SINCE, ALLOW_INSECURE_JWKS }));
      },
      front: { dispatch, publicOnly, routes: more(secrets.staticTokens) },
    });
    closing.push(() => running.stop(0, FLUSH_MS));
    await running.started;
    return {
      version: RELEASE.version,
      address: running.address,
      /** For the payer and operators. Without `INTERNAL_PORT` it is the public one. */
      internalAddress: running.internalAddress,
      publicUrl: publicUrlOf(running.address),
      dataDir,
      administratorTokenFile: administrator.file,
      payerTokenFile: payer.file,
      stop,
    };
  } catch (error) {
    await stop();
    throw error;
  }
}

/** The embedded engines in the folder. @throws ConfigurationError naming a file that is no database of ours */
function enginesIn(
  folder: string,
  { MIN_FREE_BYTES, LOG_BLOCKS }: StandaloneConfig,
  logger: Logger,
): ReturnType<typeof openEngines> {
  const env = { DATA_DIR: folder, MIN_FREE_BYTES, LOG_BLOCKS };
  const engines = openEngines('standalone', env, undefined, logger);
  const named =
    <A extends unknown[], T>(file: string, open: (...args: A) => Promise<T>) =>
    (...args: A): Promise<T> =>
      open(...args).catch((error: unknown) => {
        throw isDatabaseFault(error) ? unusable(folder, file) : error;
      });
  return {
    ...engines,
    log: named('log.db', engines.log),
    views: named('views.db', engines.views),
    state: named('state.db', engines.state),
  };
}
