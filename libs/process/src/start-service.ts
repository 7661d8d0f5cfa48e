import { randomUUID } from 'node:crypto';
import type { IncomingMessage, ServerResponse } from 'node:http';
import { setTimeout as delay } from 'node:timers/promises';
import type { DynamicModule } from '@nestjs/common';
import type { NestFastifyApplication } from '@nestjs/platform-fastify';
import type { Blobs } from '@provider-access/engines/blob';
import { ConfigurationError, type TrustedProxies } from '@provider-access/service/config';
import { PA_AUDIT, PA_SERVICE_LEVELS, topicsOf, type Service } from '@provider-access/events';
import type { EventLog } from '@provider-access/engines/log';
import type { PresenceOptions } from '@provider-access/facts';
import { Refusal, type Clock } from '@provider-access/kernel';
import {
  createServiceApp,
  measureDecoded,
  READINESS,
  systemClock,
  type ReadinessCheck,
  type ServicePorts,
} from '@provider-access/service/http';
import { Metrics, Telemetry, type Logger, type Tracing } from '@provider-access/service/observability';
import type { StaticTokens } from '@provider-access/smart';
import type { State } from '@provider-access/engines/state';
import { watchAppends } from './append-watch.ts';
import { Closing } from './closing.ts';
import { settleDeployment } from './deployment-mark.ts';
import { EngineProbe } from './engine-probe.ts';
import { isConfigurationFault, isEngineAway, reasonOf } from './faults.ts';
import { guardLosses } from './guard-losses.ts';
import { bind, refuseRequest, type Listening } from './listener.ts';
import { answerLiveness } from './liveness.ts';
import { measureLog } from './measured-log.ts';
import { ENGINES, type EngineName, type Engines } from './open-engines.ts';
import {
  answer,
  processRoutes,
  readinessOf,
  type Readiness,
  type ProcessRoutes,
  type ProcessRoutesOptions,
} from './process-routes.ts';
import { stuckReason } from './progress.ts';
import { tracedBlobs, tracedLog, tracedState, tracedViews } from './tracing/index.ts';
import { overlay } from './tracing/overlay.ts';
import { VERSION } from './version.ts';
import { watchLog, type WatchedLog } from './watched-log.ts';

/** The inputs of a service's module. */
export interface ServiceContext {
  readonly ports: ServicePorts;
  /** How other processes see this one. */
  readonly presence: PresenceOptions;
  /** @throws when the service has no files */
  readonly blobs: () => Blobs;
}

export interface StartOptions {
  readonly name: Service;
  readonly register: (context: ServiceContext) => DynamicModule | Promise<DynamicModule>;
  readonly engines: Engines;
  readonly listen: { readonly HOST: string; readonly PORT: number; readonly HEALTH_PORT?: number | undefined };
  readonly trustProxy?: TrustedProxies | undefined;
  /** Whether the process belongs to a sandbox. Default: to a production deployment. */
  readonly sandbox?: boolean;
  /** Who may ask for the state of views, in a service without its own views. */
  readonly tokens?: StaticTokens;
  readonly logger: Logger;
  /** Closed when the service has stopped. Default: no telemetry. */
  readonly telemetry?: Telemetry;
  /** Whether the log gets a line for each request. */
  readonly requestLog?: boolean;
  /** Whether requests continue the trace that they name. */
  readonly trustTraceparent?: boolean;
  /** Default: its own log. */
  readonly metrics?: Metrics;
  readonly clock?: Clock;
  /**
   * How long reads continue without Kafka, ms. For so long its absence does not make the process unready. Default 5000.
   */
  readonly freshnessMs?: number;
  /** Waits between two attempts of a start, ms; the last one repeats. */
  readonly backoffMs?: readonly number[];
  /** Interval of the probes of engines, ms. Default 1000. */
  readonly probeEveryMs?: number;
  /** Called once, when the listener is bound. */
  readonly listening?: (address: string) => void;
}

export interface RunningService {
  readonly address: string;
  /** Resolves when requests are served; rejects with a fault of configuration or a bug. */
  readonly started: Promise<void>;
  /**
   * Accepts no more requests, hands back work, leaves groups, and closes the engines. `withinMs` bounds the wait for
   * running requests.
   */
  stop(withinMs: number): Promise<void>;
}

const BACKOFF_MS = [250, 500, 1000, 2000, 5000];
/** Interval of the log lines while a step of the start lasts. */
const TELL_EVERY_MS = 10_000;
/** How long a running step of the start may take to notice that it should stop. */
const ABANDON_MS = 3000;
/** How long sending the rest of telemetry may take at the end. */
const FLUSH_MS = 3000;

/**
 * Runs one service as a process of its own. It binds the listener first, then opens the engines and the service, and
 * repeats that while an engine is unreachable. Until then requests are answered 503, /health/live is true and
 * /health/ready names the reason.
 * @throws ConfigurationError when the port cannot be used
 */
export async function startService(options: StartOptions): Promise<RunningService> {
  const listening = await bind(options.listen);
  const service = new ServiceProcess(options, listening);
  const { HOST: host, HEALTH_PORT: port } = options.listen;
  const liveness = port === undefined ? undefined : await answerLiveness({ host, port }, () => service.stuck());
  options.listening?.(listening.address);
  return {
    address: listening.address,
    started: service.start(),
    stop: async (withinMs) => {
      await service.stop(withinMs);
      await liveness?.close();
    },
  };
}

class ServiceProcess {
  private readonly options: StartOptions;
  private readonly listening: Listening;
  private readonly clock: Clock;
  private readonly metrics: Metrics;
  private readonly telemetry: Telemetry;
  private readonly tracing: Tracing;
  private readonly stopping = new AbortController();
  private readonly closing = new Closing();
  private starting: Promise<void> = Promise.resolve();
  private phase = 'starting';
  /** Why the last attempt failed. */
  private reason: string | undefined;
  private log: WatchedLog | undefined;
  private probes: readonly EngineProbe[] = [];
  private checks: readonly ReadinessCheck[] = [];
  private running = false;
  private readonly own: ProcessRoutes;

  constructor(options: StartOptions, listening: Listening) {
    this.options = options;
    this.listening = listening;
    this.clock = options.clock ?? systemClock;
    this.metrics = options.metrics ?? new Metrics({ process: true });
    this.metrics.set('pa_build_info', { service: options.name, version: VERSION }, 1);
    this.telemetry = options.telemetry ?? new Telemetry();
    this.tracing = this.telemetry.tracing(options.name);
    this.own = this.routes();
    listening.serve((request, response) => {
      if (!this.own(request, response))
        refuseRequest(request, response, new Refusal('unavailable', 'The service is starting.', { retryAfter: 1 }));
    });
  }
  private routes(more?: ProcessRoutesOptions['routes']): ProcessRoutes {
    return processRoutes({
      ready: () => this.ready(),
      stuck: () => this.stuck(),
      metrics: this.metrics,
      logger: this.options.logger,
      ...(more !== undefined && { routes: more }),
    });
  }

  /** Until it serves or cannot serve. */
  start(): Promise<void> {
    this.starting = this.attempts();
    return this.starting;
  }

  private async attempts(): Promise<void> {
    const { logger, name } = this.options;
    const backoff = this.options.backoffMs ?? BACKOFF_MS;
    const telling = setInterval(
      () => logger.warn({ service: name, phase: this.phase, detail: this.reason }, 'still starting'),
      TELL_EVERY_MS,
    );
    telling.unref();
    try {
      for (let attempt = 0; !this.stopping.signal.aborted; attempt++) {
        try {
          await this.attempt();
          return;
        } catch (error) {
          await this.closing.run(logger);
          if (this.stopping.signal.aborted) return;
          if (isConfigurationFault(error) || !isEngineAway(error)) throw error;
          this.reason = reasonOf(error);
          logger.warn(
            { service: name, phase: this.phase, attempt: attempt + 1, detail: this.reason },
            'the start waits for an engine and tries again',
          );
          await delay(backoff[Math.min(attempt, backoff.length - 1)], undefined, {
            signal: this.stopping.signal,
          }).catch(() => undefined);
        }
      }
    } finally {
      clearInterval(telling);
    }
  }

  private async attempt(): Promise<void> {
    const { engines, name, logger, register, trustProxy } = this.options;
    const { closing, tracing } = this;
    // The facts of a start that failed belong to nothing any more, and their age grows.
    const { metrics, end } = this.metrics.scope();
    closing.push('gauges', async () => end());
    const { names } = engines;
    this.phase = `waiting for ${ENGINES[names.log].title}`;
    const listeners = new Map<EngineName, (answered: boolean) => void>();
    const appends = watchAppends(guardLosses(measureLog(await engines.log(), metrics), name), {
      topic: topicsOf(name).writes.includes(PA_SERVICE_LEVELS) ? PA_SERVICE_LEVELS : PA_AUDIT,
    });
    const log = watchLog(
      heardBy(tracedLog(appends.log, tracing, ENGINES[names.log].system), 'head', (answered) =>
        listeners.get(names.log)?.(answered),
      ),
    );
    closing.push('log', () => log.close());
    await requireTopics(log, name);
    await settleDeployment(log, this.options.sandbox === true ? 'sandbox' : 'production', this.clock.now());
    this.phase = `waiting for ${ENGINES[names.views].title}`;
    const untraced = await engines.views();
    measureDecoded(metrics, untraced);
    const views = tracedViews(untraced, tracing, ENGINES[names.views].system);
    closing.push('views', () => views.close());
    const state = tracedState(await engines.state(log), tracing, ENGINES[names.state].system);
    closing.push('state', () => state.close());
    await state.claims.get('health', name);
    this.phase = 'opening the file store';
    const opened = await engines.blobs?.();
    engines.room?.measure(metrics);
    const blobs = opened === undefined ? undefined : tracedBlobs(opened, tracing);
    const presence = heardBy(state.presence, 'announce', (answered) => listeners.get(names.state)?.(answered));
    const probes = this.probesOf(log, state);
    for (const probe of probes) {
      listeners.set(probe.name, (answered) => probe.heard(answered));
      closing.push(`gauge of ${probe.name}`, probe.gauge(metrics));
      await probe.start();
      closing.push(probe.name, () => probe.stop());
    }
    this.phase = 'reading the log and the views';
    const ports = { log, views, state, clock: this.clock, logger, metrics, tracing };
    const module = await register({
      ports,
      presence: { port: presence, holder: `${name}/${randomUUID()}` },
      blobs: () => {
        if (blobs === undefined) throw new TypeError(`${name} has no files`);
        return blobs;
      },
    });
    const app = await createServiceApp(module, {
      name,
      ports,
      trustProxy,
      requestLog: this.options.requestLog,
      trustTraceparent: this.options.trustTraceparent,
    });
    closing.push('service', () => app.close());
    if (this.stopping.signal.aborted) throw new Error('stopped while starting');
    this.serve(app, log, probes, appends.check);
  }

  private serve(
    app: NestFastifyApplication,
    log: WatchedLog,
    probes: readonly EngineProbe[],
    appends: ReadinessCheck,
  ): void {
    this.log = log;
    this.probes = probes;
    this.checks = [
      ...probes.map((probe) => probe.check()),
      appends,
      ...app.get<ReadinessCheck[]>(READINESS, { strict: false }),
    ];
    this.running = true;
    const fastify = app.getHttpAdapter().getInstance();
    const { routing } = fastify;
    const views = `/ops/views/${this.options.name}`;
    const own = fastify.hasRoute({ method: 'GET', url: views })
      ? this.own
      : this.routes({ [views]: (request, response) => this.noViews(request, response) });
    this.listening.serve((request, response) => {
      if (!own(request, response)) routing(request, response);
    });
    this.options.logger.info({ service: this.options.name }, 'the service is running');
  }

  private async noViews(request: IncomingMessage, response: ServerResponse): Promise<void> {
    this.options.tokens?.require(request, ['administrator']);
    answer(response, 200, 'application/json; charset=utf-8', '{"views":[]}');
  }

  private probesOf(log: EventLog, state: State): EngineProbe[] {
    const { name: service, engines, freshnessMs = 5000, probeEveryMs } = this.options;
    return [...new Set(Object.values(engines.names))].map(
      (name) =>
        new EngineProbe({
          name,
          probe: () => ENGINES[name].probe({ log, state }, service),
          graceMs: ENGINES[name].mayBeAway ? freshnessMs : 0,
          now: () => this.clock.now(),
          everyMs: probeEveryMs,
        }),
    );
  }

  private async ready(): Promise<Readiness> {
    const { name } = this.options;
    const not = (check: string, detail: string): Readiness => ({
      failing: [{ service: name, check, detail }],
      notices: [],
    });
    if (this.stopping.signal.aborted) return not('stop', 'the service is stopping');
    if (!this.running) return not('start', this.reason === undefined ? this.phase : `${this.phase} (${this.reason})`);
    return readinessOf({ [name]: this.checks });
  }
  stuck(): string | undefined {
    if (!this.running || this.stopping.signal.aborted) return undefined;
    return stuckReason({ now: this.clock.now(), probes: this.probes, running: this.log?.running() ?? [] });
  }

  async stop(withinMs: number): Promise<void> {
    this.stopping.abort();
    await Promise.race([this.starting.catch(() => undefined), delay(ABANDON_MS, undefined, { ref: false })]);
    // The listener closes first, so that no request arrives while the service stops. The engines stay open until the
    // running requests have ended.
    await this.listening.close(withinMs);
    await this.closing.run(this.options.logger);
    await this.telemetry.close(Math.min(withinMs, FLUSH_MS));
  }
}

/** The same port; `heard` gets the outcome of each call of one method. */
function heardBy<T extends object, K extends keyof T>(port: T, method: K, heard: (answered: boolean) => void): T {
  const call = port[method] as (...args: unknown[]) => Promise<unknown>;
  return overlay(port, {
    [method]: async (...args: unknown[]) => {
      try {
        const answer = await call.apply(port, args);
        heard(true);
        return answer;
      } catch (error) {
        heard(false);
        throw error;
      }
    },
  });
}

/** @throws ConfigurationError naming the missing topics of the service, or the error of an unreachable engine */
async function requireTopics(log: EventLog, service: Service): Promise<void> {
  const { reads, writes, heads } = topicsOf(service);
  const missing: string[] = [];
  for (const topic of new Set([...reads, ...writes, ...heads])) {
    try {
      await log.partitions(topic);
    } catch (error) {
      if (isEngineAway(error) && !('missingTopic' in (error as object))) throw error;
      missing.push(topic);
    }
  }
  if (missing.length > 0)
    throw new ConfigurationError(
      `KAFKA_TOPIC_PREFIX: with it these topics are not there: ${missing.join(', ')}; \`pa topics apply\` creates them`,
    );
}
