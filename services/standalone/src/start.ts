import { ConfigurationError } from '@provider-access/service/config';
import { logFormatOf } from '@provider-access/kernel';
import { surviveRejections, traceOf } from '@provider-access/process';
import { createLogger, TraceScopes, writeError, type Logger } from '@provider-access/service/observability';
import type { StandaloneConfig } from './config.ts';
import { DataFolderInUse, emptyDataFolder } from './data-folder.ts';
import { onEndOfParent } from './end-of-parent.ts';
import { startPlatform, type Platform } from './platform.ts';
import { settings } from './settings.ts';
import { pagesOf, sandboxRoutes, startSandbox, type RunningSandbox } from './sandbox.ts';

const NAME = 'provider-access';
/** Ends the process with one sentence. An error that nobody expected tells where it comes from, and no data. */
function fail(error: unknown): never {
  const expected = error instanceof ConfigurationError || error instanceof DataFolderInUse;
  const sentence = expected ? error.message : `the start failed: ${JSON.stringify(traceOf(error))}`;
  writeError(logFormatOf(process.env['LOG_FORMAT'], 'text'), NAME, sentence);
  return process.exit(1);
}
const say = (line: string): void => console.log(line);

/** The platform, and in a sandbox its payer and reviewer. `reset` starts them over with an empty data folder. */
class Running {
  readonly #config: StandaloneConfig;
  readonly #logger: Logger;
  readonly #scopes = new TraceScopes();
  #platform: Platform | undefined;
  #sandbox: RunningSandbox | undefined;
  /** Starts and stops wait for each other. */
  #turn: Promise<unknown> = Promise.resolve();

  constructor(config: StandaloneConfig) {
    this.#config = config;
    this.#logger = createLogger(NAME, {
      level: config.LOG_LEVEL,
      format: config.LOG_FORMAT,
      scopes: this.#scopes,
    });
    surviveRejections(this.#logger);
  }

  start(port = this.#config.PORT): Promise<Platform> {
    return this.#inTurn(async () => {
      const platform = await startPlatform({ ...this.#config, PORT: port }, this.#logger, this.#scopes, (tokens) =>
        this.#config.SANDBOX
          ? sandboxRoutes(tokens, { state: () => this.#sandbox?.state(), reset: () => void this.#reset() })
          : {},
      );
      this.#platform = platform;
      if (this.#config.SANDBOX) this.#sandbox = await startSandbox(platform, this.#config, this.#logger);
      return platform;
    });
  }

  warn(sentence: string): void {
    this.#logger.warn({}, sentence);
  }

  stop(): Promise<void> {
    return this.#inTurn(async () => {
      await this.#sandbox?.stop();
      await this.#platform?.stop();
      [this.#sandbox, this.#platform] = [undefined, undefined];
    });
  }

  async #reset(): Promise<void> {
    const platform = this.#platform;
    if (platform === undefined) return;
    say('sandbox: starts over');
    await this.stop();
    try {
      emptyDataFolder(platform.dataDir);
      await this.start(Number(new URL(platform.address).port));
    } catch (error) {
      fail(error);
    }
  }

  #inTurn<T>(work: () => Promise<T>): Promise<T> {
    const done = this.#turn.then(work);
    this.#turn = done.catch(() => undefined);
    return done;
  }
}
/** `npm start`: runs until a signal, or until its npm has ended. A second signal ends the process at once. */
export async function start(): Promise<void> {
  const started = performance.now();
  const parent = process.ppid;
  say('starting');
  let running: Running;
  let platform: Platform;
  let config: StandaloneConfig;
  try {
    config = settings(process.argv.slice(2), process.env);
    running = new Running(config);
    platform = await running.start();
  } catch (error) {
    return fail(error);
  }
  say(
    `Provider Access ${platform.version}, five services in one process` +
      (config.SANDBOX ? ', a sandbox: all data is synthetic' : ''),
  );
  say(`  FHIR base          ${platform.publicUrl}/fhir`);
  say(`  documentation      ${platform.publicUrl}/docs/`);
  say(`  pages for people   ${pagesOf(platform)}`);
  say(`  data folder        ${platform.dataDir}`);
  say(`  administrator      ${platform.administratorTokenFile}`);
  say(`  payer              ${platform.payerTokenFile}`);
  if (platform.internalAddress !== platform.address) say(`  payer, operators   ${platform.internalAddress}`);
  say(`listening on ${platform.address} after ${Math.round(performance.now() - started)} ms`);

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
      running.warn('npm has ended, so the platform stops');
      stop();
    });
}
