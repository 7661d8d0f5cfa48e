import { readFileSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { attributionConfig, attributionSettings } from '@provider-access/attribution';
import { authConfig, authSettings } from '@provider-access/auth';
import { openFsBlobs, removeUnfinished, RESERVE_BYTES } from '@provider-access/engines/blob/fs';
import {
  calendarRules,
  lacksTimeZone,
  NO_TIME_ZONE,
  payerDays,
  readConfig,
  telemetryOptions,
} from '@provider-access/service/config';
import { consentConfig, consentSettings } from '@provider-access/consent';
import { PA_REGISTRY, PA_SERVICE_LEVELS, SERVICES, topicSettings } from '@provider-access/events';
import { openEmbeddedLog } from '@provider-access/engines/log/embedded';
import { exportConfig, exportSettings } from '@provider-access/export';
import {
  lacksTrustedProxy,
  measureDecoded,
  NO_TRUSTED_PROXY,
  READINESS,
  SearchTurns,
  systemClock,
  type ReadinessCheck,
  type ServicePorts,
} from '@provider-access/service/http';
import { MemberHash, Metrics, openTelemetry, TraceScopes, type Logger } from '@provider-access/service/observability';
import {
  answer,
  bind,
  guardLosses,
  measureLog,
  processRoutes,
  type ProcessRoutesOptions,
  readinessOf,
  RecentWrites,
  settleDeployment,
  tracedBlobs,
  tracedLog,
  tracedState,
  tracedViews,
  watchAppends,
  watchRoom,
} from '@provider-access/process';
import { resourcesConfig, resourcesSettings } from '@provider-access/resources';
import { openKeys, openSigningKeys, openTokens, refuseUnknownParameters, StaticTokens } from '@provider-access/smart';
import { openEmbeddedState } from '@provider-access/engines/state/embedded';
import { openEmbeddedViews } from '@provider-access/engines/views/embedded';
import { dataFolderOf, type StandaloneConfig } from './config.ts';
import { isDatabaseFault, takeDataFolder, unusable } from './data-folder.ts';
import { dispatch, publicOnly } from './dispatch.ts';
import { keepToRetention } from './retention.ts';
import type { ServiceName } from './route-table.ts';
import { startServices } from './services.ts';

export interface Platform {
  readonly version: string;
  readonly address: string;
  /** Address for the payer and operators. Without `INTERNAL_PORT` it is the public one. */
  readonly internalAddress: string;
  readonly publicUrl: string;
  readonly dataDir: string;
  readonly administratorTokenFile: string;
  readonly payerTokenFile: string;
  stop(): Promise<void>;
}

const VERSION = (JSON.parse(readFileSync(new URL('../package.json', import.meta.url), 'utf8')) as { version: string })
  .version;
/** ms that the process waits at its end for the last telemetry to be sent. */
const FLUSH_MS = 3000;

const changeable = (refusal: string | undefined): { readonly ready: boolean; readonly detail?: string } =>
  refusal === undefined ? { ready: true } : { ready: false, detail: `nothing can be changed (${refusal})` };

/**
 * Opens a log, a view store and a state store on the embedded engine, and runs the five services on them behind one
 * listener.
 */
export async function startPlatform(
  config: StandaloneConfig,
  logger: Logger,
  scopes = new TraceScopes(),
  more: (tokens: StaticTokens) => NonNullable<ProcessRoutesOptions['routes']> = () => ({}),
): Promise<Platform> {
  if (lacksTrustedProxy(config)) logger.warn({}, NO_TRUSTED_PROXY);
  if (lacksTimeZone(config)) logger.warn({}, NO_TIME_ZONE);
  const dataDir = resolve(dataFolderOf(config));
  const release = takeDataFolder(dataDir);
  const file = (name: string): string => join(dataDir, name);
  const open = <T>(name: string, how: (path: string) => T): T => {
    try {
      return how(file(name));
    } catch (error) {
      throw isDatabaseFault(error) ? unusable(dataDir, name) : error;
    }
  };
  const closing: (() => Promise<void> | void)[] = [release];
  const stop = async (): Promise<void> => {
    for (const close of closing.splice(0).reverse()) await close();
  };
  try {
    // One registry for the process. If two services have the same metric, a label names the service.
    const metrics = new Metrics({ enabled: config.METRICS, process: true });
    const telemetry = await openTelemetry(
      { ...telemetryOptions(config), version: VERSION, logger, measured: { metrics, service: 'standalone' } },
      scopes,
    );
    closing.push(() => telemetry.close(FLUSH_MS));
    for (const service of SERVICES) metrics.set('pa_build_info', { service, version: VERSION }, 1);
    const appends = watchAppends(
      measureLog(
        open('log.db', (path) => openEmbeddedLog({ file: path, backgroundCheckpoints: true })),
        metrics,
      ),
      { topic: PA_SERVICE_LEVELS },
    );
    const { log } = appends;
    closing.push(() => log.close());
    await settleDeployment(log, config.SANDBOX ? 'sandbox' : 'production', systemClock.now());
    const views = open('views.db', (path) => openEmbeddedViews({ file: path, backgroundCheckpoints: true }));
    closing.push(() => views.close());
    measureDecoded(metrics, views);
    const stateLog = tracedLog(log, telemetry.tracing('standalone'), 'sqlite');
    const state = open('state.db', (path) => openEmbeddedState({ file: path, log: stateLog, soleOwner: true }));
    closing.push(() => state.close());
    await removeUnfinished({ root: file('files') });
    const room = watchRoom({
      folder: 'data',
      path: dataDir,
      setting: 'MIN_FREE_BYTES',
      minBytes: config.MIN_FREE_BYTES,
    });
    room.measure(metrics);
    // Exports stop earlier than readiness ends, so that their files never use the space that opt-outs need.
    const blobs = openFsBlobs({ root: file('files'), reserveBytes: config.MIN_FREE_BYTES + RESERVE_BYTES });

    const administratorTokenFile = file('administrator.token');
    const payerTokenFile = file('payer.token');
    // The first start creates the tokens. The process reads a changed file within 10 s.
    const made = { create: true, logger };
    const administrator = await openTokens({ ...made, role: 'administrator.token', file: administratorTokenFile });
    const payer = await openTokens({ ...made, role: 'payer.token', file: payerTokenFile });
    const keys = await openSigningKeys({
      ...made,
      role: 'token-signing-keys.json',
      file: file('token-signing-keys.json'),
    });
    const pageKeys = await openKeys({ ...made, role: 'page-links.key', file: file('page-links.key') });
    const memberHashKeys = await openKeys({ ...made, role: 'member-hash.key', file: file('member-hash.key') });
    for (const secret of [administrator, payer, keys, pageKeys, memberHashKeys]) closing.push(() => secret.close());
    const staticTokens = new StaticTokens({ administrator, payer });
    const memberHash = new MemberHash(() => memberHashKeys.current);

    const listening = await bind(config);
    const publicUrl = config.PUBLIC_URL ?? listening.address;

    metrics.read('pa_engine_reachable', async () => [
      {
        labels: { engine: 'embedded' as const },
        value: await log.head([PA_REGISTRY]).then(
          () => 1,
          () => 0,
        ),
      },
    ]);
    const writes = new RecentWrites();
    const portsOf = (name: ServiceName) => {
      const tracing = telemetry.tracing(name);
      return {
        log: tracedLog(guardLosses(log, name, { forgets: false }), tracing, 'sqlite'),
        views: tracedViews(views, tracing, 'sqlite', writes),
        state: tracedState(state, tracing, 'sqlite'),
        clock: systemClock,
        logger,
        metrics,
        tracing,
      } satisfies ServicePorts;
    };
    const env = { ...process.env, PUBLIC_URL: publicUrl };
    const resourcesVariables = readConfig(resourcesSettings, env);
    const services = await startServices(
      {
        staticTokens,
        memberHash,
        keys,
        pageKeys,
        blobs,
        calendar: calendarRules(config),
        days: payerDays(config),
        turns: new SearchTurns(),
        configs: {
          attribution: attributionConfig(readConfig(attributionSettings, env)),
          consent: consentConfig(readConfig(consentSettings, env)),
          resources: resourcesConfig({
            ...resourcesVariables,
            SERVICE_LEVELS_SINCE: config.SERVICE_LEVELS_SINCE,
          }),
          export: exportConfig(readConfig(exportSettings, env)),
          auth: authConfig({ ...readConfig(authSettings, env), ALLOW_INSECURE_JWKS: config.ALLOW_INSECURE_JWKS }),
        },
      },
      (name) => {
        const ports = portsOf(name);
        return { ports, blobs: tracedBlobs(blobs, ports.tracing) };
      },
      { trustProxy: config.TRUST_PROXY, requestLog: config.REQUEST_LOG, trustTraceparent: config.TRUST_TRACEPARENT },
    );
    const { apps } = services;
    closing.push(() => services.stop());

    // Start retention after every consumer group has joined, because it must keep records that a group has not handled.
    const retention = topicSettings({
      payerRetentionDays: config.PAYER_RETENTION_DAYS,
      versionRetentionDays: resourcesVariables.VERSION_RETENTION_DAYS,
    });
    closing.push(keepToRetention(log, retention, logger));

    const checks: Record<string, readonly ReadinessCheck[]> = {
      standalone: [appends.check, room.check, { name: 'state', check: async () => changeable(await state.refusal()) }],
      ...Object.fromEntries(
        Object.entries(apps).map(([name, app]) => [name, app.get<ReadinessCheck[]>(READINESS, { strict: false })]),
      ),
    };
    const viewsOf = async (authorization: string): Promise<Record<string, unknown>> => {
      const merged: Record<string, unknown> = {};
      for (const name of ['attribution', 'resources', 'export'] as const) {
        const answer = await apps[name]
          .getHttpAdapter()
          .getInstance()
          .inject({ method: 'GET', url: `/ops/views/${name}`, headers: { authorization } });
        merged[name] = (JSON.parse(answer.payload) as { views?: unknown }).views ?? [];
      }
      return merged;
    };
    // Close the listener first, so that no request arrives while the services stop.
    closing.push(() => listening.close(0));
    const internal =
      config.INTERNAL_PORT === undefined
        ? undefined
        : await bind({ HOST: config.HOST, PORT: config.INTERNAL_PORT, variable: 'INTERNAL_PORT' });
    if (internal !== undefined) closing.push(() => internal.close(0));
    const own = processRoutes({
      ready: () => readinessOf(checks),
      stuck: () => undefined,
      metrics,
      logger,
      routes: {
        // Merges the answers of `GET /ops/views/<service>`, called in the process with the caller's token.
        '/ops/views': async (request, response) => {
          staticTokens.require(request, ['administrator']);
          refuseUnknownParameters(request.url ?? '', []);
          answer(response, 200, 'application/json', JSON.stringify(await viewsOf(request.headers.authorization ?? '')));
        },
        ...more(staticTokens),
      },
    });
    const everything = dispatch(apps, own);
    listening.serve(internal === undefined ? everything : publicOnly(everything));
    internal?.serve(everything);
    return {
      version: VERSION,
      address: listening.address,
      internalAddress: internal?.address ?? listening.address,
      publicUrl,
      dataDir,
      administratorTokenFile,
      payerTokenFile,
      stop,
    };
  } catch (error) {
    await stop();
    throw error;
  }
}
