import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { DynamicModule } from '@nestjs/common';
import type { NestFastifyApplication } from '@nestjs/platform-fastify';
import { attributionConfig, attributionSettings, AttributionModule } from '@provider-access/attribution';
import { AuthModule } from '@provider-access/auth';
import { openFsBlobs } from '@provider-access/engines/blob/fs';
import { consentConfig, consentSettings, ConsentModule } from '@provider-access/consent';
import type { Service } from '@provider-access/events';
import type { EventLog } from '@provider-access/engines/log';
import { type MemoryLog, openMemoryLog } from '@provider-access/engines/log/memory';
import { EventLogTransport } from '@provider-access/engines/log/transport';
import { ExportModule } from '@provider-access/export';
import { ClientDetails, Facts, Parties } from '@provider-access/facts';
import { createServiceApp, systemClock, type ServicePorts } from '@provider-access/service/http';
import { Metrics, silentLogger } from '@provider-access/service/observability';
import { ResourcesModule } from '@provider-access/resources';
import { fixedSecret, newSecret, openKeys, SigningKeys, StaticTokens, TokenIssuer } from '@provider-access/smart';
import type { State } from '@provider-access/engines/state';
import { openMemoryState } from '@provider-access/engines/state/memory';
import { openMemoryViews } from '@provider-access/engines/views/memory';

/** The uses of the log by a service. */
export class Use {
  readonly writes = new Set<string>();
  readonly reads = new Set<string>();
  readonly heads = new Set<string>();
  readonly groups = new Map<string, readonly string[]>();
  /** Groups whose losses the service read. */
  readonly asked = new Set<string>();
}

function recording(log: EventLog, use: Use): EventLog {
  const add = (set: Set<string>, topics: readonly string[]): void => topics.forEach((t) => set.add(t));
  return {
    append: (topic, records) => (use.writes.add(topic), log.append(topic, records)),
    subscribe: (options) => (
      use.groups.set(options.group, options.topics),
      add(use.reads, options.topics),
      log.subscribe(options)
    ),
    follow: (options) => (add(use.reads, options.topics), log.follow(options)),
    head: (topics) => (add(use.heads, topics), log.head(topics)),
    committed: (group, topics) => log.committed(group, topics),
    losses: (group, topics) => (use.asked.add(group), log.losses(group, topics)),
    read: (topic, ...rest) => (use.reads.add(topic), log.read(topic, ...rest)),
    partitions: (topic) => (use.heads.add(topic), log.partitions(topic)),
    close: async () => undefined,
  };
}

const PUBLIC_URL = 'https://pa.example.org';
interface Answer {
  readonly status: number;
  readonly body: string;
  readonly location: string | undefined;
}

/**
 * `ahead`: ms by which the clock of a service or of the log is ahead. `oneState`: all services share a state store, as
 * in a cluster.
 */
export interface RecordedOptions {
  readonly ahead?: Partial<Record<Service | 'log', number>>;
  readonly oneState?: boolean;
}

/** The five services as the standalone composes them, on in-memory engines. Records each use of the log. */
export class RecordedServices {
  readonly folder = mkdtempSync(join(tmpdir(), 'admin-'));
  readonly log: MemoryLog;
  readonly uses: Record<Service, Use> = {
    auth: new Use(),
    attribution: new Use(),
    consent: new Use(),
    resources: new Use(),
    export: new Use(),
  };
  readonly apps = {} as Record<Service, NestFastifyApplication>;
  private readonly views = openMemoryViews();
  private readonly closing: (() => Promise<unknown>)[] = [];
  tokens!: TokenIssuer;
  payer!: string;
  administrator!: string;
  private readonly options: RecordedOptions;
  private state: State | undefined;
  constructor(options: RecordedOptions = {}) {
    this.options = options;
    this.log = openMemoryLog({ now: () => this.time('log') });
  }

  /** The time by the clock of a service or of the log, ms since the epoch. */
  time(of: Service | 'log'): number {
    return Date.now() + (this.options.ahead?.[of] ?? 0);
  }
  private ports(service: Service): ServicePorts {
    const log = recording(this.log, this.uses[service]);
    const state = this.options.oneState === true ? (this.state ??= this.openState(this.log)) : this.openState(log);
    return {
      log,
      views: this.views,
      state,
      clock: { ...systemClock, now: () => this.time(service) },
      logger: silentLogger,
      metrics: new Metrics(),
    };
  }
  private openState(log: EventLog): State {
    const state = openMemoryState({ log });
    this.closing.push(() => state.close());
    return state;
  }
  private async run(service: Service, module: (ports: ServicePorts) => DynamicModule): Promise<void> {
    const ports = this.ports(service);
    const app = await createServiceApp(module(ports), {
      name: service,
      logger: silentLogger,
      metrics: ports.metrics,
      strategy: new EventLogTransport({ log: ports.log }),
    });
    this.apps[service] = app;
    this.closing.push(() => app.close());
    await app.startAllMicroservices();
  }

  async start(): Promise<this> {
    const file = (name: string): string => join(this.folder, name);
    this.administrator = newSecret();
    this.payer = newSecret();
    const staticTokens = new StaticTokens({ administrator: this.administrator, payer: this.payer });
    const keys = await SigningKeys.open(file('keys.json'));
    const pageKeys = await openKeys({ role: 'page links', file: file('pages.key'), create: true, everyMs: 0 });
    this.tokens = new TokenIssuer({ key: () => keys.first, publicUrl: PUBLIC_URL, clock: systemClock });
    const env = { PUBLIC_URL };
    await this.run('attribution', (ports) =>
      AttributionModule.register({
        ports,
        staticTokens,
        config: attributionConfig(attributionSettings.parse(env)),
        // Only beside other processes does attribution write the former versions of its views.
        presence: { port: ports.state.presence, holder: 'attribution' },
      }),
    );
    await this.run('consent', (ports) =>
      ConsentModule.register({ ports, config: consentConfig(consentSettings.parse({})) }),
    );
    await this.run('resources', (ports) =>
      ResourcesModule.register({ ports, staticTokens, pageKeys, config: { publicUrl: PUBLIC_URL, pollMs: 50 } }),
    );
    const blobs = openFsBlobs({ root: file('files') });
    await this.run('export', (ports) =>
      ExportModule.register({
        ports,
        blobs,
        staticTokens,
        config: {
          publicUrl: PUBLIC_URL,
          facts: { boundMs: 5000, pollMs: 50 },
          writers: 0,
          pollMs: 20,
          skewMarginMs: 0,
        },
      }),
    );
    const details = new ClientDetails();
    const parties = new Parties(details);
    await parties.start({ log: recording(this.log, this.uses.auth), views: this.views });
    this.closing.push(() => parties.stop());
    const readers = (['attribution', 'resources', 'export'] as const).map(
      (name) => this.apps[name].get(Facts, { strict: false }).parties,
    );
    await this.run('auth', (ports) =>
      AuthModule.register({
        ports,
        config: { publicUrl: PUBLIC_URL },
        parties,
        details,
        keys: fixedSecret(keys),
        staticTokens,
        readers,
      }),
    );
    return this;
  }

  async stop(): Promise<void> {
    for (const close of this.closing.reverse()) await close();
    await this.views.close();
    await this.log.close();
    rmSync(this.folder, { recursive: true, force: true });
  }

  async call(
    service: Service,
    method: 'GET' | 'POST',
    url: string,
    token: string,
    body?: unknown,
    headers: Readonly<Record<string, string>> = {},
  ): Promise<Answer> {
    const answer = await this.apps[service]
      .getHttpAdapter()
      .getInstance()
      .inject({
        method,
        url,
        headers: {
          authorization: `Bearer ${token}`,
          ...(body !== undefined && { 'content-type': 'application/json' }),
          ...headers,
        },
        ...(body !== undefined && { payload: typeof body === 'string' ? body : JSON.stringify(body) }),
      });
    return {
      status: answer.statusCode,
      body: answer.payload,
      location: answer.headers['content-location'] as string | undefined,
    };
  }

  /** Publishes as the payer by POST /events and waits until every service has handled it. */
  async publish(...events: readonly object[]): Promise<void> {
    const answer = await this.call(
      'resources',
      'POST',
      '/events',
      this.payer,
      events.map((e) => JSON.stringify(e)).join('\n'),
      { 'content-type': 'application/x-ndjson' },
    );
    if (answer.status !== 200) throw new Error(`publish: ${answer.status} ${answer.body}`);
    const { summary } = JSON.parse(answer.body.trim().split('\n').at(-1)!) as { summary: { receipt: string } };
    await this.call('resources', 'GET', `/events/receipts/${summary.receipt}?wait=10`, this.payer);
  }
}
