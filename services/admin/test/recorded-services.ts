import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { attributionService } from '@provider-access/attribution';
import { authService } from '@provider-access/auth';
import { openFsBlobs } from '@provider-access/engines/blob/fs';
import { consentService } from '@provider-access/consent';
import { exportService } from '@provider-access/export';
import type { Service } from '@provider-access/events';
import type { EventLog } from '@provider-access/engines/log';
import { type MemoryLog, openMemoryLog } from '@provider-access/engines/log/memory';
import { fixedSecrets, request, type Services, startServices, signingKeysIn } from '@provider-access/process/testing';
import { systemClock, type ServicePorts } from '@provider-access/service/http';
import { Metrics, silentLogger } from '@provider-access/service/observability';
import { fixedSecret, newSecret, StaticTokens, TokenIssuer } from '@provider-access/smart';
import { resourcesService } from '@provider-access/resources';
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
  apps!: Services['apps'];
  readonly #views = openMemoryViews();
  readonly #closing: (() => Promise<unknown>)[] = [];
  tokens!: TokenIssuer;
  payer!: string;
  administrator!: string;
  readonly #options: RecordedOptions;
  #state: State | undefined;
  constructor(options: RecordedOptions = {}) {
    this.#options = options;
    this.log = openMemoryLog({ now: () => this.time('log') });
  }

  /** The time by the clock of a service or of the log, ms since the epoch. */
  time(of: Service | 'log'): number {
    return Date.now() + (this.#options.ahead?.[of] ?? 0);
  }
  #ports(service: Service): ServicePorts {
    const log = recording(this.log, this.uses[service]);
    const state = this.#options.oneState === true ? (this.#state ??= this.#openState(this.log)) : this.#openState(log);
    return {
      log,
      views: this.#views,
      state,
      clock: { ...systemClock, now: () => this.time(service) },
      logger: silentLogger,
      metrics: new Metrics(),
    };
  }
  #openState(log: EventLog): State {
    const state = openMemoryState({ log });
    this.#closing.push(() => state.close());
    return state;
  }
  async start(): Promise<this> {
    const file = (name: string): string => join(this.folder, name);
    this.administrator = newSecret();
    this.payer = newSecret();
    const staticTokens = new StaticTokens({ administrator: this.administrator, payer: this.payer });
    const keys = await signingKeysIn(file('keys.json'));
    this.tokens = new TokenIssuer({ key: () => keys[0]!, publicUrl: PUBLIC_URL, clock: systemClock });
    const blobs = openFsBlobs({ root: file('files') });
    const services = await startServices(
      [
        attributionService.read({ PUBLIC_URL }, {}),
        consentService.read({}, {}),
        resourcesService.with({ publicUrl: PUBLIC_URL, pollMs: 50 }),
        exportService.with({
          ...exportService.config(exportService.settings.parse({ PUBLIC_URL })),
          facts: { boundMs: 5000, pollMs: 50 },
          writers: 0,
          pollMs: 20,
          skewMarginMs: 0,
        }),
        authService.read({ PUBLIC_URL }, {}),
      ],
      (name) => {
        const ports = this.#ports(name);
        // Only beside other processes does attribution write the former versions of its views.
        const presence = name === 'attribution' ? { port: ports.state.presence, holder: name } : undefined;
        return { ...fixedSecrets(staticTokens, fixedSecret(keys)), ports, blobs, presence };
      },
    );
    this.#closing.push(() => services.stop());
    this.apps = services.apps;
    return this;
  }

  async stop(): Promise<void> {
    for (const close of this.#closing.reverse()) await close();
    await this.#views.close();
    await this.log.close();
    rmSync(this.folder, { recursive: true, force: true });
  }

  async call(
    service: Service,
    method: 'GET' | 'POST' | 'PUT',
    url: string,
    token: string,
    body?: unknown,
    headers: Readonly<Record<string, string>> = {},
  ): Promise<Answer> {
    const answer = await request(this.apps[service]!, url, {
      method,
      token,
      headers: { ...(body !== undefined && { 'content-type': 'application/json' }), ...headers },
      body: body === undefined || typeof body === 'string' ? body : JSON.stringify(body),
    });
    const { 'content-location': location } = answer.headers;
    return { status: answer.status, body: answer.body, location: location as string | undefined };
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
