import { ConfigurationError, readConfig } from '@provider-access/service/config';
import { createLogger, TraceScopes } from '@provider-access/service/observability';
import { surviveRejections } from '@provider-access/process';
import { standaloneConfig } from './config.ts';
import { DataFolderInUse } from './data-folder.ts';
import { startPlatform, type Platform } from './platform.ts';

const fail = (message: string): never => {
  console.error(message);
  process.exit(1);
};

/** `npm start`: runs until SIGTERM or SIGINT. A second signal ends the process at once. */
export async function start(): Promise<void> {
  const started = performance.now();
  let platform: Platform;
  try {
    const scopes = new TraceScopes();
    const config = readConfig(standaloneConfig, process.env);
    const logger = createLogger('provider-access', config.LOG_LEVEL, scopes);
    surviveRejections(logger);
    platform = await startPlatform(config, logger, scopes);
  } catch (error) {
    if (error instanceof ConfigurationError || error instanceof DataFolderInUse) return fail(error.message);
    if ((error as NodeJS.ErrnoException).code === 'EADDRINUSE')
      return fail('PORT, INTERNAL_PORT: a port is in use; choose another one, or stop the process that listens there');
    throw error;
  }
  console.log(`Provider Access ${platform.version}, five services in one process`);
  console.log(`  FHIR base          ${platform.publicUrl}/fhir`);
  console.log(`  data folder        ${platform.dataDir}`);
  console.log(`  administrator      ${platform.administratorTokenFile}`);
  console.log(`  payer              ${platform.payerTokenFile}`);
  if (platform.internalAddress !== platform.address) console.log(`  payer, operators   ${platform.internalAddress}`);
  console.log(`listening on ${platform.address} after ${Math.round(performance.now() - started)} ms`);

  let stopping = false;
  for (const signal of ['SIGTERM', 'SIGINT'] as const) {
    process.on(signal, () => {
      if (stopping) process.exit(130);
      stopping = true;
      platform.stop().then(
        () => process.exit(0),
        () => process.exit(1),
      );
    });
  }
}
