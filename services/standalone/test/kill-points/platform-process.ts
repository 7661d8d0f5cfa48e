import type { DynamicModule } from '@nestjs/common';
import type { NestFastifyApplication } from '@nestjs/platform-fastify';
import { AttributionModule, attributionConfig, attributionSettings } from '@provider-access/attribution';
import { AuthModule } from '@provider-access/auth';
import type { Blobs } from '@provider-access/engines/blob';
import { ConsentModule, consentConfig, consentSettings } from '@provider-access/consent';
import type { EventLog } from '@provider-access/engines/log';
import { EventLogTransport } from '@provider-access/engines/log/transport';
import { ExportModule } from '@provider-access/export';
import { ClientDetails, Facts, Parties, type PresenceOptions } from '@provider-access/facts';
import type { Clock } from '@provider-access/kernel';
import { createServiceApp, type ServicePorts } from '@provider-access/service/http';
import { Metrics, silentLogger } from '@provider-access/service/observability';
import { ResourcesModule } from '@provider-access/resources';
import { fixedSecret, type Secret, type SigningKeys, StaticTokens } from '@provider-access/smart';
import type { State } from '@provider-access/engines/state';
import type { Answer, Call } from '@provider-access/testing/promises';
import type { Views } from '@provider-access/engines/views';
import { type ServiceName, serviceOf } from '../../src/route-table.ts';

export type { Answer, Call };

export const PUBLIC_URL = 'https://pa.example';
export const PAYER_TOKEN = 'p'.repeat(43);
export const ADMINISTRATOR_TOKEN = 'a'.repeat(43);

export interface EnginePorts {
  readonly log: EventLog;
  readonly views: Views;
  readonly state: State;
  readonly blobs: Blobs;
  readonly clock: Clock;
  /**
   * Name in the presence list, for processes that share engines. A change is acknowledged after all of them know it.
   */
  readonly name?: string;
  /**
   * The time by which a process counts how long it is on that list, where a test moves the clock of the store. Both
   * must run at one rate, as a monotonic clock and the store's do.
   */
  readonly presenceNow?: () => number;
}
/** The five services as the standalone runs them, over the ports of a test and without a listener. */
export class PlatformProcess {
  readonly #apps = new Map<ServiceName, NestFastifyApplication>();
  readonly #closing: (() => Promise<unknown>)[] = [];

  static async start(ports: EnginePorts, keys: Secret<SigningKeys>): Promise<PlatformProcess> {
    const process = new PlatformProcess();
    await process.#start(ports, keys);
    return process;
  }

  async #start(
    { log, views, state, blobs, clock, name: own, presenceNow }: EnginePorts,
    keys: Secret<SigningKeys>,
  ): Promise<void> {
    const presenceOf = (name: ServiceName): { presence?: PresenceOptions } =>
      own === undefined
        ? {}
        : {
            presence: {
              port: state.presence,
              holder: `${own}/${name}`,
              ...(presenceNow !== undefined && { now: presenceNow }),
            },
          };
    const ports: ServicePorts = {
      log,
      views,
      state,
      clock,
      logger: silentLogger,
      metrics: new Metrics({ enabled: false }),
    };
    const staticTokens = new StaticTokens({ administrator: ADMINISTRATOR_TOKEN, payer: PAYER_TOKEN });
    const run = async (name: ServiceName, module: DynamicModule): Promise<void> => {
      const app = await createServiceApp(module, {
        name,
        logger: silentLogger,
        metrics: ports.metrics,
        strategy: new EventLogTransport({ log }),
      });
      this.#apps.set(name, app);
      this.#closing.push(() => app.close());
      await app.startAllMicroservices();
    };
    const details = new ClientDetails();
    const parties = new Parties(details);
    await parties.start({ log, views });
    this.#closing.push(() => parties.stop());
    await run(
      'attribution',
      AttributionModule.register({
        ports,
        config: attributionConfig(attributionSettings.parse({ PUBLIC_URL })),
        staticTokens,
        ...presenceOf('attribution'),
      }),
    );
    await run(
      'consent',
      ConsentModule.register({ ports, config: consentConfig(consentSettings.parse({})), ...presenceOf('consent') }),
    );
    await run(
      'resources',
      ResourcesModule.register({
        ports,
        config: { publicUrl: PUBLIC_URL },
        staticTokens,
        pageKeys: fixedSecret([Buffer.alloc(32, 7)]),
        ...presenceOf('resources'),
      }),
    );
    await run(
      'export',
      ExportModule.register({
        ports,
        blobs,
        staticTokens,
        ...presenceOf('export'),
        config: {
          publicUrl: PUBLIC_URL,
          writers: 0,
          chunkMembers: 2,
          skewMarginMs: 0,
          backoffMs: () => 5,
          pollsPerMinute: 1_000_000,
          kickOffsPerHour: 1000,
        },
      }),
    );
    const readers = [
      parties,
      ...(['attribution', 'resources', 'export'] as const).map((name) => this.#facts(name).parties),
    ];
    await run(
      'auth',
      AuthModule.register({
        ports,
        config: { publicUrl: PUBLIC_URL },
        parties,
        details,
        keys,
        staticTokens,
        readers,
        ...presenceOf('auth'),
      }),
    );
  }

  async request(target: string, { method = 'GET', token, headers, body }: Call = {}): Promise<Answer> {
    const url = target.startsWith(PUBLIC_URL) ? target.slice(PUBLIC_URL.length) : target;
    const answer = await this.#fastify(serviceOf(url)!).inject({
      method,
      url,
      headers: { ...(token !== undefined && { authorization: `Bearer ${token}` }), ...headers },
      ...(body !== undefined && { payload: body }),
    });
    return { status: answer.statusCode, headers: answer.headers, body: answer.payload };
  }
  /** Lets every service poll the log, as it does twice a second, so that its facts are current. */
  async look(): Promise<void> {
    const facts = (['attribution', 'consent', 'resources', 'export'] as const).map((name) => this.#facts(name));
    await Promise.all(facts.map(({ freshness }) => freshness.poll()));
  }
  async stop(): Promise<void> {
    for (const close of this.#closing.splice(0).reverse()) await close();
  }
  #facts(name: ServiceName): Facts {
    return this.#apps.get(name)!.get(Facts, { strict: false });
  }
  #fastify(name: ServiceName) {
    return this.#apps.get(name)!.getHttpAdapter().getInstance();
  }
}
