import { ConfigurationError } from '@provider-access/service/config';
import { createLogger, TraceScopes, type Logger } from '@provider-access/service/observability';
import { surviveRejections } from '@provider-access/process';
import type { StandaloneConfig } from './config.ts';
import { DataFolderInUse, emptyDataFolder } from './data-folder.ts';
import { onEndOfParent } from './end-of-parent.ts';
import { startPlatform, type Platform } from './platform.ts';
import { settings } from './settings.ts';
import { sandboxRoutes, startSandbox, type RunningSandbox } from './sandbox.ts';

const fail = (message: string): never => {
  console.error(message);
  process.exit(1);
};

/** The platform, and in a sandbox its payer and reviewer. `reset` starts them over with an empty data folder. */
class Running {
  private readonly config: StandaloneConfig;
  private readonly logger: Logger;
  private readonly scopes = new TraceScopes();
  private platform: Platform | undefined;
  private sandbox: RunningSandbox | undefined;
  /** Starts and stops wait for each other. */
  private turn: Promise<unknown> = Promise.resolve();

  constructor(config: StandaloneConfig) {
    this.config = config;
    this.logger = createLogger('provider-access', config.LOG_LEVEL, this.scopes);
    surviveRejections(this.logger);
  }

  start(port = this.config.PORT): Promise<Platform> {
    return this.inTurn(async () => {
      const platform = await startPlatform({ ...this.config, PORT: port }, this.logger, this.scopes, (tokens) =>
        this.config.SANDBOX
          ? sandboxRoutes(tokens, { state: () => this.sandbox?.state(), reset: () => void this.reset() })
          : {},
      );
      this.platform = platform;
      if (this.config.SANDBOX) this.sandbox = await startSandbox(platform, this.config);
      return platform;
    });
  }

  stop(): Promise<void> {
    return this.inTurn(async () => {
      await this.sandbox?.stop();
      await this.platform?.stop();
      [this.sandbox, this.platform] = [undefined, undefined];
    });
  }

  private async reset(): Promise<void> {
    const { platform } = this;
    if (platform === undefined) return;
    console.log('sandbox: starts over');
    await this.stop();
    try {
      emptyDataFolder(platform.dataDir);
      await this.start(Number(new URL(platform.address).port));
    } catch (error) {
      fail(`the sandbox could not start again: ${(error as Error).message}`);
    }
  }

  private inTurn<T>(work: () => Promise<T>): Promise<T> {
    const done = this.turn.then(work);
    this.turn = done.catch(() => undefined);
    return done;
  }
}
/** `npm start`: runs until a signal, or until its npm has ended. A second signal ends the process at once. */
export async function start(): Promise<void> {
  const started = performance.now();
  const parent = process.ppid;
  let running: Running;
  let platform: Platform;
  let config: StandaloneConfig;
  try {
    config = settings(process.argv.slice(2), process.env);
    running = new Running(config);
    platform = await running.start();
  } catch (error) {
    if (error instanceof ConfigurationError || error instanceof DataFolderInUse) return fail(error.message);
    if ((error as NodeJS.ErrnoException).code === 'EADDRINUSE')
      return fail('PORT, INTERNAL_PORT: a port is in use; choose another one, or stop the process that listens there');
    throw error;
  }
  console.log(
    `Provider Access ${platform.version}, five services in one process` +
      (config.SANDBOX ? ', a sandbox: all data is synthetic' : ''),
  );
  console.log(`  FHIR base          ${platform.publicUrl}/fhir`);
  console.log(`  documentation      ${platform.publicUrl}/docs/`);
  console.log(`  data folder        ${platform.dataDir}`);
  console.log(`  administrator      ${platform.administratorTokenFile}`);
  console.log(`  payer              ${platform.payerTokenFile}`);
  if (platform.internalAddress !== platform.address) console.log(`  payer, operators   ${platform.internalAddress}`);
  console.log(`listening on ${platform.address} after ${Math.round(performance.now() - started)} ms`);

  let stopping = false;
  const stop = (): void => {
    if (stopping) return;
    stopping = true;
    running.stop().then(
      () => process.exit(0),
      () => process.exit(1),
    );
  };
  for (const signal of ['SIGTERM', 'SIGINT', 'SIGHUP'] as const)
    process.on(signal, () => {
      if (stopping) process.exit(130);
      stop();
    });
  // A process of `npm start` belongs to its npm. Otherwise it may outlive its parent, as a daemon does.
  if (process.env['npm_lifecycle_event'] === 'start')
    onEndOfParent(parent, () => {
      console.error('npm has ended, so the platform stops');
      stop();
    });
}
