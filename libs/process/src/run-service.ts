import {
  type FilesEnv,
  filesFaults,
  listenFaults,
  misspelled,
  type ProcessEnv,
  readConfig,
  refuse,
  telemetryFaults,
  writableFolder,
  type Environment,
} from '@provider-access/service/config';
import { logFormatOf } from '@provider-access/kernel';
import { createLogger, TraceScopes, writeError } from '@provider-access/service/observability';
import type { z } from 'zod';
import type { ServiceDefinition } from './define-service.ts';
import { isConfigurationFault, traceOf } from './faults.ts';
import { engineFaults, openEngines } from './open-engines.ts';
import { openSecrets, type SecretFiles } from './secrets.ts';
import { endOnSignals, surviveRejections } from './signals.ts';
import { startProcess } from './start-process.ts';

const SECRETS = {
  administrator: 'ADMINISTRATOR_TOKENS_FILE',
  payer: 'PAYER_TOKENS_FILE',
  'member-portal': 'MEMBER_PORTAL_TOKENS_FILE',
  signingKeys: 'TOKEN_SIGNING_KEYS_FILE',
  memberHash: 'MEMBER_HASH_KEYS_FILE',
  pageKeys: 'PAGE_LINK_KEYS_FILE',
  portalKeys: 'MEMBER_PORTAL_KEYS_FILE',
} satisfies Record<keyof SecretFiles, string>;
/** The files that the environment names. */
const secretFiles = (config: Readonly<Record<string, unknown>>): SecretFiles =>
  Object.fromEntries(
    Object.entries(SECRETS).flatMap(([name, role]) => {
      const file = config[role];
      return typeof file === 'string' ? [[name, { role, file }]] : [];
    }),
  );

/** The settings of the file store; undefined for a service that has none, by its schema or by `ATTACHMENTS=inline`. */
function filesOf<S extends z.ZodObject>({ shape }: S, config: z.infer<S>): FilesEnv | undefined {
  const has = 'FILES' in shape && (config as { ATTACHMENTS?: string }).ATTACHMENTS !== 'inline';
  return has ? (config as unknown as FilesEnv) : undefined;
}

/**
 * Reads the environment of a service.
 * @throws ConfigurationError with a sentence for each variable that is wrong, contradicts another or looks misspelled,
 * and for each file that cannot be used
 */
function readServiceConfig<S extends z.ZodObject>(schema: S, env: Environment): z.infer<S> & ProcessEnv {
  const config = readConfig(schema, env) as z.infer<S> & ProcessEnv;
  const files = filesOf(schema, config);
  const faultsOfFiles = files === undefined ? [] : filesFaults(files);
  if (faultsOfFiles.length > 0 && 'ATTACHMENTS' in schema.shape)
    faultsOfFiles.push('ATTACHMENTS: inline lets the service start without a file store');
  refuse([
    ...misspelled(env, Object.keys(schema.shape)),
    ...listenFaults(config),
    ...telemetryFaults(config),
    ...engineFaults(config),
    ...faultsOfFiles,
  ]);
  if (files?.FILES_DIR !== undefined) writableFolder('FILES_DIR', files.FILES_DIR);
  return config;
}

const say = (line: string): void => void process.stdout.write(`${line}\n`);
const sentenceOf = (error: unknown): string | undefined => {
  // Something that an administration step should have made in MongoDB. An EnsureError names the next step itself.
  if (error instanceof Error && error.name === 'EnsureError') return `MONGODB_DATABASE: ${error.message}`;
  if (error instanceof Error && error.name === 'MissingIndexes')
    return (
      `MONGODB_DATABASE: ${error.message}; \`pa views plan\` says what is missing there, \`pa views apply\` ` +
      'creates it'
    );
  if (isConfigurationFault(error)) return error.message;
  return undefined;
};

/**
 * The body of a service's `main.ts`: configuration from the environment, engines, listener, signals. Ends the process
 * with 1 and a sentence if it cannot start, and with 0 after a signal.
 */
export async function runService<E extends z.ZodObject, S extends z.ZodObject, C>(
  definition: ServiceDefinition<E, S, C>,
): Promise<void> {
  const { name, schema } = definition;
  const ended = (error: unknown): never => {
    const sentence = sentenceOf(error) ?? `the start failed: ${JSON.stringify(traceOf(error))}`;
    writeError(logFormatOf(process.env['LOG_FORMAT'], 'json'), name, sentence);
    return process.exit(1);
  };
  try {
    const config = readServiceConfig(schema, process.env);
    const scopes = new TraceScopes();
    const logger = createLogger(name, { level: config.LOG_LEVEL, format: config.LOG_FORMAT, scopes });
    surviveRejections(logger);
    for (const [variable, warning] of Object.entries(definition.ignored ?? {}))
      if (config[variable as keyof typeof config] !== undefined) logger.warn({}, warning);
    const secrets = await openSecrets(secretFiles(config), { logger });
    const running = await startProcess({
      name,
      config,
      secrets,
      logger,
      scopes,
      freshnessMs: (config as { FACTS_BOUND_MS?: number }).FACTS_BOUND_MS,
      engines: openEngines(name, config, filesOf(schema, config), logger),
      services: () => [definition.with(definition.config(config as unknown as z.infer<S>))],
    });
    endOnSignals({ stop: () => running.stop(config.STOP_TIMEOUT_MS / 2), withinMs: config.STOP_TIMEOUT_MS, logger });
    // Whoever has read this may end the process: it stops in order.
    say(`listening on ${running.address}`);
    if (await running.started) logger.info({ service: name }, 'the service is running');
  } catch (error) {
    ended(error);
  }
}
