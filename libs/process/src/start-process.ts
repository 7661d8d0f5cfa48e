import { setTimeout as delay } from 'node:timers/promises';
import type { EventLog } from '@provider-access/engines/log';
import { SERVICES, type Service } from '@provider-access/events';
import { Refusal, type Clock } from '@provider-access/kernel';
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
import {
  lacksTrustedProxy,
  NO_TRUSTED_PROXY,
  READINESS,
  SearchTurns,
  systemClock,
  type ReadinessCheck,
} from '@provider-access/service/http';
import { Metrics, openTelemetry, type Telemetry, type TraceScopes } from '@provider-access/service/observability';
import { Closing } from './closing.ts';
import type { ServiceContext, StartableService } from './define-service.ts';
import { isConfigurationFault, isEngineAway, reasonOf } from './faults.ts';
import { ENGINE_CHECKS } from './health-controller.ts';
import { bind, refuseRequest, type Handler, type Listening } from './listener.ts';
import { answerLiveness } from './liveness.ts';
import { ENGINES } from './open-engines.ts';
import { type EnginesOptions, openPorts, type OpenPorts } from './open-ports.ts';
import { viewsRoutes } from './ops-views.ts';
import {
  processRoutes,
  readinessOf,
  type Readiness,
  type ProcessRoutes,
  type ProcessRoutesOptions,
} from './process-routes.ts';
import { stuckReason } from './progress.ts';
import type { Secrets } from './secrets.ts';
import { startServices, type Apps } from './start-services.ts';
import { RELEASE } from './release.ts';

/** What every process understands in the same way of its environment, without what engines read. */
type ProcessConfig = Omit<
  ProcessEnv,
  keyof KafkaEnv | keyof MongoEnv | 'HEALTH_PORT' | 'PUBLIC_URL' | 'STOP_TIMEOUT_MS'
> & {
  readonly HEALTH_PORT?: number | undefined;
  readonly INTERNAL_PORT?: number | undefined;
  readonly PUBLIC_URL?: string | undefined;
};

/** How requests reach several services behind one listener. */
interface Front {
  readonly dispatch: (apps: Apps, own: ProcessRoutes) => Handler;
  /** What the first listener answers beside a second one for the payer and operators. */
  readonly publicOnly: (handler: Handler) => Handler;
  /** Further routes of the process. */
  readonly routes: NonNullable<ProcessRoutesOptions['routes']>;
}

export interface StartOptions extends EnginesOptions {
  readonly config: ProcessConfig;
  readonly secrets: Secrets;
  readonly scopes: TraceScopes;
  /** The services of the process in the order of their start. Called once, with the address of the listener. */
  readonly services: (address: string) => readonly StartableService[];
  /** Default: requests go to the routes of the process, and all others to its only service. */
  readonly front?: Front;
  /**
   * What else the process does with the log, such as retention. Begins after every consumer group has joined, and ends
   * before the services stop. Returns a function that ends it.
   */
  readonly upkeep?: (log: EventLog) => () => void;
  readonly clock?: Clock;
  /** Waits between two attempts of a start, ms; the last one repeats. */
  readonly backoffMs?: readonly number[];
}

export interface RunningProcess {
  readonly address: string;
  /** Address for the payer and operators. Without `INTERNAL_PORT` it is the public one. */
  readonly internalAddress: string;
  /**
   * Resolves with true when requests are served, and with false after a stop; rejects with a fault of configuration or
   * a bug.
   */
  readonly started: Promise<boolean>;
  /**
   * Accepts no more requests, hands back work, leaves groups, and closes the engines. `withinMs` bounds the wait for
   * running requests, `flushMs` the wait until the last telemetry is sent.
   */
  stop(withinMs: number, flushMs?: number): Promise<void>;
}

const BACKOFF_MS = [250, 500, 1000, 2000, 5000];
/** Interval of the log lines while a step of the start lasts. */
const TELL_EVERY_MS = 10_000;
/** How long a running step of the start may take to notice that it should stop. */
const ABANDON_MS = 3000;
/** How long sending the rest of telemetry may take at the end. */
export const FLUSH_MS = 3000;

/**
 * Runs one service or several in this process. It binds the listeners first, then opens the engines and the services.
 * While an engine that runs elsewhere is unreachable, it repeats that. Until then requests are answered 503,
 * /health/live is true and /health/ready names the reason.
 * @throws ConfigurationError when a port cannot be used
 */
export async function startProcess(options: StartOptions): Promise<RunningProcess> {
  const { name, config, logger, scopes } = options;
  const { HOST, PORT, HEALTH_PORT, INTERNAL_PORT } = config;
  // One registry for the process. If two services have the same metric, a label names the service.
  const metrics = new Metrics({ enabled: config.METRICS, process: true });
  const sent = { ...telemetryOptions(config), version: RELEASE.version, logger, measured: { metrics, service: name } };
  const telemetry = await openTelemetry(sent, scopes);
  const listeners = new Closing();
  try {
    const outer = await bind({ HOST, PORT });
    listeners.push('listener', () => outer.close(0));
    const inner =
      INTERNAL_PORT === undefined ? undefined : await bind({ HOST, PORT: INTERNAL_PORT, variable: 'INTERNAL_PORT' });
    if (inner !== undefined) listeners.push('internal listener', () => inner.close(0));
    const running = new ServiceProcess(options, metrics, telemetry, outer, inner);
    const liveness =
      HEALTH_PORT === undefined
        ? undefined
        : await answerLiveness({ host: HOST, port: HEALTH_PORT }, () => running.stuck());
    return {
      address: outer.address,
      internalAddress: (inner ?? outer).address,
      started: running.start(),
      stop: async (withinMs, flushMs = Math.min(withinMs, FLUSH_MS)) => {
        await running.stop(withinMs, flushMs);
        await liveness?.close();
      },
    };
  } catch (error) {
    await listeners.run(logger);
    throw error;
  }
}

class ServiceProcess {
  readonly #options: StartOptions;
  readonly #services: readonly StartableService[];
  readonly #shared: ReturnType<typeof sharedBy>;
  readonly #outer: Listening;
  readonly #inner: Listening | undefined;
  readonly #clock: Clock;
  readonly #metrics: Metrics;
  readonly #telemetry: Telemetry;
  readonly #stopping = new AbortController();
  readonly #closing = new Closing();
  #starting: Promise<boolean> = Promise.resolve(false);
  #phase = 'starting';
  /** Why the last attempt failed. */
  #reason: string | undefined;
  #open: OpenPorts | undefined;
  /** By service, when requests are served. */
  #checks: Readonly<Record<string, readonly ReadinessCheck[]>> | undefined;

  constructor(
    options: StartOptions,
    metrics: Metrics,
    telemetry: Telemetry,
    outer: Listening,
    inner: Listening | undefined,
  ) {
    this.#options = options;
    this.#metrics = metrics;
    this.#telemetry = telemetry;
    this.#outer = outer;
    this.#inner = inner;
    this.#clock = options.clock ?? systemClock;
    this.#services = options.services(outer.address);
    this.#shared = sharedBy(this.#services, options);
    for (const service of SERVICES.filter((each) => this.#services.some(({ name }) => name === each)))
      this.#metrics.set('pa_build_info', { service, version: RELEASE.version }, 1);
    const own = this.#routes({});
    const what = this.#services.length > 1 ? 'platform' : 'service';
    this.#serve((request, response) => {
      if (!own(request, response))
        refuseRequest(request, response, new Refusal('unavailable', `The ${what} is starting.`, { retryAfter: 1 }));
    });
  }

  #serve(handler: Handler): void {
    const { front } = this.#options;
    this.#outer.serve(this.#inner === undefined || front === undefined ? handler : front.publicOnly(handler));
    this.#inner?.serve(handler);
  }
  #routes(more: ProcessRoutesOptions['routes']): ProcessRoutes {
    return processRoutes({
      ready: () => this.#ready(),
      stuck: () => this.stuck(),
      metrics: this.#metrics,
      logger: this.#options.logger,
      routes: { ...more, ...this.#options.front?.routes },
    });
  }

  /** Until it serves or cannot serve. */
  start(): Promise<boolean> {
    this.#starting = this.#attempts();
    return this.#starting;
  }

  async #attempts(): Promise<boolean> {
    const { logger, name, engines } = this.#options;
    const waits = Object.values(engines.names).some((engine) => ENGINES[engine].isRemote);
    const backoff = this.#options.backoffMs ?? BACKOFF_MS;
    const telling = setInterval(
      () => logger.warn({ service: name, phase: this.#phase, detail: this.#reason }, 'still starting'),
      TELL_EVERY_MS,
    );
    telling.unref();
    try {
      for (let attempt = 0; !this.#stopping.signal.aborted; attempt++) {
        try {
          await this.#attempt();
          return true;
        } catch (error) {
          await this.#closing.run(logger);
          if (this.#stopping.signal.aborted) return false;
          if (!waits || isConfigurationFault(error) || !isEngineAway(error)) throw error;
          this.#reason = reasonOf(error);
          logger.warn(
            { service: name, phase: this.#phase, attempt: attempt + 1, detail: this.#reason },
            'the start waits for an engine and tries again',
          );
          await delay(backoff[Math.min(attempt, backoff.length - 1)], undefined, {
            signal: this.#stopping.signal,
          }).catch(() => undefined);
        }
      }
      return false;
    } finally {
      clearInterval(telling);
    }
  }

  async #attempt(): Promise<void> {
    const { upkeep, config } = this.#options;
    const closing = this.#closing;
    // The facts of a start that failed belong to nothing any more, and their age grows.
    const { metrics, end } = this.#metrics.scope();
    closing.push('gauges', end);
    const open = await openPorts(this.#options, {
      services: this.#services.map(({ name }) => name),
      clock: this.#clock,
      metrics,
      telemetry: this.#telemetry,
      closing,
      enter: (phase) => (this.#phase = phase),
    });
    const turns = new SearchTurns();
    const services = await startServices(this.#services, (name) => ({ ...this.#shared, turns, ...open.of(name) }), {
      trustProxy: config.TRUST_PROXY,
      requestLog: config.REQUEST_LOG,
      trustTraceparent: config.TRUST_TRACEPARENT,
    });
    closing.push('services', () => services.stop());
    if (this.#stopping.signal.aborted) throw new Error('stopped while starting');
    if (upkeep !== undefined) closing.push('upkeep', upkeep(open.log));
    this.#serveAll(services.apps, open);
  }

  #serveAll(apps: Apps, open: OpenPorts): void {
    const { name, front } = this.#options;
    const checks: Record<string, readonly ReadinessCheck[]> = { [name]: open.checks };
    for (const [service, app] of Object.entries(apps)) {
      checks[service] = [...(checks[service] ?? []), ...app.get<ReadinessCheck[]>(READINESS, { strict: false })];
      app.get<ReadinessCheck[]>(ENGINE_CHECKS, { strict: false }).push(...open.checks);
    }
    this.#open = open;
    this.#checks = checks;
    const own = this.#routes(viewsRoutes(apps));
    this.#serve((front?.dispatch ?? toOnly)(apps, own));
  }

  async #ready(): Promise<Readiness> {
    const not = (check: string, detail: string): Readiness => ({
      failing: [{ service: this.#options.name, check, detail }],
      notices: [],
    });
    if (this.#stopping.signal.aborted) return not('stop', 'the service is stopping');
    if (this.#checks === undefined)
      return not('start', this.#reason === undefined ? this.#phase : `${this.#phase} (${this.#reason})`);
    return readinessOf(this.#checks);
  }
  stuck(): string | undefined {
    if (this.#open === undefined || this.#open.probes.length === 0 || this.#stopping.signal.aborted) return undefined;
    return stuckReason({ now: this.#clock.now(), probes: this.#open.probes, running: this.#open.log.running() });
  }

  async stop(withinMs: number, flushMs: number): Promise<void> {
    this.#stopping.abort();
    await Promise.race([this.#starting.catch(() => undefined), delay(ABANDON_MS, undefined, { ref: false })]);
    // The listeners close first, so that no request arrives while the services stop. The engines stay open until the
    // running requests have ended.
    await Promise.all([this.#inner?.close(withinMs), this.#outer.close(withinMs)]);
    await this.#closing.run(this.#options.logger);
    await this.#telemetry.close(flushMs);
  }
}

/** What the services of a process share. Warns of settings that they lack. */
function sharedBy(
  services: readonly StartableService[],
  { config, secrets, logger }: StartOptions,
): Omit<ServiceContext, 'ports' | 'presence' | 'blobs' | 'readers' | 'turns'> {
  const has = (service: Service): boolean => services.some(({ name }) => name === service);
  // A process whose schema has the variables of business days has this one.
  const business = 'BUSINESS_DAYS' in config ? (config as unknown as BusinessEnv) : undefined;
  // Only auth limits requests by address.
  if (has('auth') && lacksTrustedProxy(config)) logger.warn({}, NO_TRUSTED_PROXY);
  // Only these two read the days of a payer.
  const readsDays = has('attribution') || has('consent');
  if (business !== undefined && readsDays && lacksTimeZone(business)) logger.warn({}, NO_TIME_ZONE);
  const { staticTokens, memberHash } = secrets;
  const [calendar, days] = business === undefined ? [] : [calendarRules(business), payerDays(business)];
  const isSecure = config.PUBLIC_URL?.startsWith('https:') === true;
  return { secrets, staticTokens, isSecure, memberHash, calendar, days };
}

/** The routes of the process, and the only service behind them. */
function toOnly(apps: Apps, own: ProcessRoutes): Handler {
  const [app] = Object.values(apps);
  const { routing } = app!.getHttpAdapter().getInstance();
  return (request, response) => {
    if (!own(request, response)) routing(request, response);
  };
}
