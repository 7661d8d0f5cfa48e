import type { DynamicModule } from '@nestjs/common';
import {
  type BusinessEnv,
  calendarRules,
  type FilesEnv,
  filesFaults,
  kafkaFaults,
  labelFaults,
  profileFaults,
  lacksTimeZone,
  listenFaults,
  misspelled,
  mongoFaults,
  NO_TIME_ZONE,
  payerDays,
  type ProcessEnv,
  readConfig,
  refuse,
  secretFaults,
  telemetryFaults,
  telemetryOptions,
  writableFolder,
  type Environment,
} from '@provider-access/service/config';
import type { Service } from '@provider-access/events';
import { logFormatOf } from '@provider-access/kernel';
import { lacksTrustedProxy, NO_TRUSTED_PROXY } from '@provider-access/service/http';
import { createLogger, Metrics, openTelemetry, TraceScopes, writeError } from '@provider-access/service/observability';
import type { StaticTokens } from '@provider-access/smart';
import type { z } from 'zod';
import { isConfigurationFault, traceOf } from './faults.ts';
import { openEngines } from './open-engines.ts';
import { openSecrets, type Secrets } from './secrets.ts';
import type { ServiceRuntime } from './service-module.ts';
import { endOnSignals, surviveRejections } from './signals.ts';
import { startService, type ServiceContext } from './start-service.ts';
import { VERSION } from './version.ts';

export interface ServiceDefinition<S extends z.ZodObject> {
  readonly name: Service;
  readonly schema: S;
  /** Called in each attempt of the start, with open engines. */
  readonly register: (
    runtime: ServiceContext & ServiceRuntime & { readonly secrets: Secrets; readonly staticTokens: StaticTokens },
    config: z.infer<S>,
  ) => DynamicModule | Promise<DynamicModule>;
}

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
    ...kafkaFaults(config),
    ...mongoFaults(config),
    ...faultsOfFiles,
    ...secretFaults(config),
    ...labelFaults(config),
    ...profileFaults(config),
  ]);
  if (files?.FILES_DIR !== undefined) writableFolder('FILES_DIR', files.FILES_DIR);
  return config;
}

/** What of the environment every service understands in the same way, as far as its schema has it. */
function shared<S extends z.ZodObject>(
  { shape }: S,
  config: z.infer<S>,
  secrets: Secrets,
): Pick<ServiceRuntime, 'memberHash' | 'calendar' | 'days'> & { readonly staticTokens: StaticTokens } {
  const business = 'BUSINESS_TIME_ZONE' in shape ? (config as unknown as BusinessEnv) : undefined;
  return {
    staticTokens: secrets.staticTokens,
    memberHash: 'MEMBER_HASH_KEYS_FILE' in shape ? secrets.memberHash() : undefined,
    calendar: business && calendarRules(business),
    days: business && payerDays(business),
  };
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
export async function runService<S extends z.ZodObject>(definition: ServiceDefinition<S>): Promise<void> {
  const { name, schema, register } = definition;
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
    // Only auth limits requests by address.
    if (name === 'auth' && lacksTrustedProxy(config)) logger.warn({}, NO_TRUSTED_PROXY);
    // Only these two read the days of a payer.
    if ((name === 'attribution' || name === 'consent') && lacksTimeZone(config as unknown as BusinessEnv))
      logger.warn({}, NO_TIME_ZONE);
    const secrets = await openSecrets(config, logger);
    const metrics = new Metrics({ enabled: config.METRICS, process: true });
    const telemetry = await openTelemetry(
      { ...telemetryOptions(config), version: VERSION, logger, measured: { metrics, service: name } },
      scopes,
    );
    const running = await startService({
      name,
      logger,
      telemetry,
      metrics,
      requestLog: config.REQUEST_LOG,
      trustTraceparent: config.TRUST_TRACEPARENT,
      listen: config,
      trustProxy: config.TRUST_PROXY,
      sandbox: config.SANDBOX,
      tokens: secrets.staticTokens,
      freshnessMs: (config as { FACTS_BOUND_MS?: number }).FACTS_BOUND_MS,
      engines: openEngines(name, config, filesOf(schema, config), logger),
      register: (context) => register({ ...context, ...shared(schema, config, secrets), secrets }, config),
      listening: (address) => say(`listening on ${address}`),
    });
    endOnSignals({ stop: () => running.stop(config.STOP_TIMEOUT_MS / 2), withinMs: config.STOP_TIMEOUT_MS, logger });
    await running.started;
  } catch (error) {
    ended(error);
  }
}
