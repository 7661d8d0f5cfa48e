import type { Service } from '@provider-access/events';
import {
  type BusinessEnv,
  calendarRules,
  type KafkaEnv,
  lacksTimeZone,
  type MongoEnv,
  NO_TIME_ZONE,
  payerDays,
  type ProcessEnv,
  telemetryOptions,
} from '@provider-access/service/config';
import { lacksTrustedProxy, NO_TRUSTED_PROXY } from '@provider-access/service/http';
import { Metrics, openTelemetry, type Logger, type TraceScopes } from '@provider-access/service/observability';
import type { Secrets } from './secrets.ts';
import type { StartOptions } from './start-process.ts';
import { VERSION } from './version.ts';

/** Without what engines read. */
type Config = Omit<ProcessEnv, keyof KafkaEnv | keyof MongoEnv | 'HEALTH_PORT' | 'PUBLIC_URL' | 'STOP_TIMEOUT_MS'> &
  StartOptions['listen'] & { readonly PUBLIC_URL?: string | undefined };

/** What a runner has made before. */
interface Made {
  readonly secrets: Secrets;
  readonly logger: Logger;
  readonly scopes: TraceScopes;
}

/** What every process understands in the same way of its environment. @throws ConfigurationError */
export async function processOptions(
  name: StartOptions['name'],
  services: readonly Service[],
  config: Config,
  { secrets, logger, scopes }: Made,
): Promise<Omit<StartOptions, 'services' | 'engines'>> {
  // A process whose schema has the variables of business days has this one.
  const business = 'BUSINESS_DAYS' in config ? (config as unknown as BusinessEnv) : undefined;
  // Only auth limits requests by address.
  if (services.includes('auth') && lacksTrustedProxy(config)) logger.warn({}, NO_TRUSTED_PROXY);
  // Only these two read the days of a payer.
  const readsDays = services.includes('attribution') || services.includes('consent');
  if (business !== undefined && readsDays && lacksTimeZone(business)) logger.warn({}, NO_TIME_ZONE);
  // One registry for the process. If two services have the same metric, a label names the service.
  const metrics = new Metrics({ enabled: config.METRICS, process: true });
  const measured = { metrics, service: name };
  return {
    name,
    logger,
    metrics,
    telemetry: await openTelemetry({ ...telemetryOptions(config), version: VERSION, logger, measured }, scopes),
    listen: config,
    http: {
      trustProxy: config.TRUST_PROXY,
      requestLog: config.REQUEST_LOG,
      trustTraceparent: config.TRUST_TRACEPARENT,
    },
    sandbox: config.SANDBOX,
    shared: {
      secrets,
      staticTokens: secrets.staticTokens,
      memberHash: secrets.memberHash,
      calendar: business && calendarRules(business),
      days: business && payerDays(business),
    },
  };
}
