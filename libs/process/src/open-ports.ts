import { randomUUID } from 'node:crypto';
import type { EventLog } from '@provider-access/engines/log';
import type { State } from '@provider-access/engines/state';
import { PA_AUDIT, PA_SERVICE_LEVELS, topicsOf, type Service } from '@provider-access/events';
import type { Clock } from '@provider-access/kernel';
import { ConfigurationError } from '@provider-access/service/config';
import { measureDecoded, type ReadinessCheck } from '@provider-access/service/http';
import type { Logger, Metrics, Telemetry } from '@provider-access/service/observability';
import { watchAppends } from './append-watch.ts';
import type { Closing } from './closing.ts';
import type { ServiceContext } from './define-service.ts';
import { settleDeployment } from './deployment-mark.ts';
import { EngineProbe } from './engine-probe.ts';
import { isEngineAway } from './faults.ts';
import { guardLosses } from './guard-losses.ts';
import { ENGINES, type EngineName, type Engines } from './open-engines.ts';
import { RecentWrites, tracedBlobs, tracedLog, tracedState, tracedViews } from './tracing/index.ts';
import { type Around, surround } from './tracing/overlay.ts';
import { watchLog, type WatchedLog } from './watched-log.ts';

/** What a runner says of the engines. */
export interface EnginesOptions {
  /** The process, in logs, spans and readiness. */
  readonly name: Service | 'standalone';
  readonly config: { readonly SANDBOX: boolean };
  readonly logger: Logger;
  readonly engines: Engines;
  /**
   * How long reads continue without Kafka, ms. For so long its absence does not make the process unready. Default 5000.
   */
  readonly freshnessMs?: number | undefined;
  /** Interval of the probes of engines, ms. Default 1000. */
  readonly probeEveryMs?: number;
}

/** The parts of a process that an attempt of its start uses. */
interface Starting {
  readonly services: readonly Service[];
  readonly clock: Clock;
  readonly metrics: Metrics;
  readonly telemetry: Telemetry;
  readonly closing: Closing;
  /** Called before each step with its name. */
  readonly enter: (phase: string) => void;
}

export interface OpenPorts {
  readonly log: WatchedLog;
  /** Of engines that run elsewhere. */
  readonly probes: readonly EngineProbe[];
  readonly checks: readonly ReadinessCheck[];
  /** The ports of one service, with spans of its own. */
  of(service: Service): Pick<ServiceContext, 'ports' | 'presence' | 'blobs'>;
}

/**
 * Opens the engines of a process, measures and probes them, and makes the ports of its services. What was opened is in
 * `closing`, also after an error.
 * @throws ConfigurationError for missing topics and for a deployment of another kind, or the error of an engine
 */
export async function openPorts(options: EnginesOptions, starting: Starting): Promise<OpenPorts> {
  const { name, engines, logger, config } = options;
  const { services, clock, metrics, telemetry, closing, enter } = starting;
  const [ofLog, ofViews, ofState] = [
    ENGINES[engines.names.log],
    ENGINES[engines.names.views],
    ENGINES[engines.names.state],
  ];

  enter(`waiting for ${ofLog.title}`);
  const probes = new Map<EngineName, EngineProbe>();
  const appends = watchAppends(watchLog(await engines.log(), metrics), { topic: probedTopic(services) });
  closing.push('log', () => appends.log.close());
  const log = surround(
    appends.log,
    ['head'],
    hearing(() => probes.get(engines.names.log)),
  );
  await requireTopics(log, services);
  await settleDeployment(log, config.SANDBOX ? 'sandbox' : 'production', clock.now());

  enter(`waiting for ${ofViews.title}`);
  const views = await engines.views();
  closing.push('views', () => views.close());
  measureDecoded(metrics, views);
  const state = await engines.state(tracedLog(log, telemetry.tracing(name), ofLog.system));
  closing.push('state', () => state.close());
  await state.claims.get('health', name);

  enter('opening the file store');
  const blobs = await engines.blobs?.();
  engines.room?.measure(metrics);
  for (const engine of new Set(Object.values(engines.names))) {
    const { isRemote, mayBeAway, probe: ask } = ENGINES[engine];
    const probe = new EngineProbe({
      name: engine,
      probe: () => ask({ log: appends.log, state }, name),
      graceMs: mayBeAway ? (options.freshnessMs ?? 5000) : 0,
      now: () => clock.now(),
      everyMs: options.probeEveryMs,
    });
    // An engine inside the process needs no probe in the background.
    probe.gauge(metrics, !isRemote);
    if (!isRemote) continue;
    probes.set(engine, probe);
    await probe.start();
    closing.push(engine, () => probe.stop());
  }
  enter('reading the log and the views');
  const writes = new RecentWrites();
  const presence = surround(
    state.presence,
    ['announce'],
    hearing(() => probes.get(engines.names.state)),
  );
  return {
    log,
    probes: [...probes.values()],
    checks: [...[...probes.values()].map((probe) => probe.check()), appends.check, ...checksOf(engines, state)],
    of(service) {
      const tracing = telemetry.tracing(service);
      return {
        ports: {
          log: tracedLog(guardLosses(log, service, ofLog.isRemote), tracing, ofLog.system),
          views: tracedViews(views, tracing, ofViews.system, writes),
          state: tracedState(state, tracing, ofState.system),
          clock,
          logger,
          metrics,
          tracing,
        },
        presence: ofState.isRemote ? { port: presence, holder: `${service}/${randomUUID()}` } : undefined,
        blobs: blobs && tracedBlobs(blobs, tracing),
      };
    },
  };
}

/** Whether engines inside the process can write. Others say it of themselves. */
function checksOf({ names, room }: Engines, state: State): ReadinessCheck[] {
  const changeable = async (): Promise<{ readonly ready: boolean; readonly detail?: string }> => {
    const refusal = await state.refusal?.();
    return refusal === undefined ? { ready: true } : { ready: false, detail: `nothing can be changed (${refusal})` };
  };
  return [
    ...(room !== undefined && !ENGINES[names.log].isRemote ? [room.check] : []),
    ...(state.refusal !== undefined ? [{ name: 'state', check: changeable }] : []),
  ];
}

/** A topic that the process may append to. */
const probedTopic = (services: readonly Service[]): string =>
  services.some((name) => topicsOf(name).writes.includes(PA_SERVICE_LEVELS)) ? PA_SERVICE_LEVELS : PA_AUDIT;

/** Tells a probe, if there is one, the outcome of each call. */
const hearing =
  (probe: () => EngineProbe | undefined): Around =>
  async (_method, call) => {
    try {
      const answer = await call();
      probe()?.heard(true);
      return answer;
    } catch (error) {
      probe()?.heard(false);
      throw error;
    }
  };

/** @throws ConfigurationError naming the missing topics, or the error of an unreachable engine */
async function requireTopics(log: EventLog, services: readonly Service[]): Promise<void> {
  const needed = services.flatMap((service) => {
    const { reads, writes, heads } = topicsOf(service);
    return [...reads, ...writes, ...heads];
  });
  const missing: string[] = [];
  for (const topic of new Set(needed)) {
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
