import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { FastifyInstance } from 'fastify';
import type { NestFastifyApplication } from '@nestjs/platform-fastify';
import type { Finder } from '@provider-access/domain/pdex/match';
import { DEFAULT_LABEL_POLICY, type LabelPolicy } from '@provider-access/domain/pdex/labels';
import { openFsBlobs } from '@provider-access/engines/blob/fs';
import type { Blobs } from '@provider-access/engines/blob';
import { type ProviderKey, typeOf, dataOf } from '@provider-access/events';
import { openEmbeddedLog } from '@provider-access/engines/log/embedded';
import { openMemoryLog } from '@provider-access/engines/log/memory';
import { FACTS_PROJECTIONS } from '@provider-access/facts';
import { memberFacts } from '@provider-access/facts/views';
import { createServiceApp, READINESS, type ReadinessCheck } from '@provider-access/service/http';
import { Metrics, silentLogger } from '@provider-access/service/observability';
import { labelled, LabelGate, records, RecordsReader } from '@provider-access/records';
import { issuerOf, LONG_AGO, recordsOf } from '@provider-access/process/testing';
import { StaticTokens, type TokenIssuer } from '@provider-access/smart';
import type { State, WorkItem } from '@provider-access/engines/state';
import { openEmbeddedState } from '@provider-access/engines/state/embedded';
import { openMemoryState } from '@provider-access/engines/state/memory';
import { eventually } from '@provider-access/testing';
import {
  type Extracts,
  type ExtractsOptions,
  type Projection,
  ProjectionSet,
  type ViewReader,
  type Views,
} from '@provider-access/engines/views';
import { openEmbeddedViews } from '@provider-access/engines/views/embedded';
import { openMemoryViews } from '@provider-access/engines/views/memory';
import { JobStreams, summaryOf } from '@provider-access/jobs';
import type { ChunkTask } from '../src/jobs/chunk-task.ts';
import { writeChunk } from '../src/jobs/chunk-writer.ts';
import { type ExportConfig, exportConfig, exportSettings } from '../src/config.ts';
import { ExportModule } from '../src/export.module.ts';
import { NPI, GROUP, ALL, Publisher } from './publisher.ts';

export { GROUP, NPI } from './publisher.ts';
export const ADMIN = 'administrator-token-of-32-characters!';

/** `embedded` uses files in the folder, for tests with a restart or threads. `memory` is for all other tests. */
export type Engine = 'embedded' | 'memory';

/** Options, and what finds the members of matches. */
export type TestConfig = Partial<ExportConfig> & { readonly finder?: Finder };

export interface ExportProcess {
  readonly app: NestFastifyApplication;
  readonly url: string;
  close(): Promise<void>;
}
/** The platform in one folder. To restart it on the embedded engine, open it again over the same folder. */
export class Platform extends Publisher {
  readonly folder: string;
  url = '';
  blobs!: Blobs;
  /** The first process. */
  main!: ExportProcess;
  readonly #others: ExportProcess[] = [];
  #closers: (() => Promise<unknown>)[] = [];
  #tokens!: TokenIssuer;
  #projections!: ProjectionSet;
  readonly #engine: Engine;
  state!: State;
  /** Names of the errors with which steps of exports failed before they were tried again. */
  readonly failures: string[] = [];
  /** Views beside those that every export reads. */
  readonly #more: readonly Projection[];
  private constructor(folder: string, engine: Engine, more: readonly Projection[]) {
    super();
    this.#more = more;
    this.folder = folder;
    this.#engine = engine;
  }

  static async start(
    config: TestConfig = {},
    wrap: (blobs: Blobs) => Blobs = (b) => b,
    engine: Engine = 'memory',
    more: readonly Projection[] = [],
  ): Promise<Platform> {
    const platform = new Platform(await mkdtemp(join(tmpdir(), 'export-')), engine, more);
    await platform.open(config, wrap);
    return platform;
  }

  async open(config: TestConfig = {}, wrap: (blobs: Blobs) => Blobs = (b) => b): Promise<void> {
    const { folder } = this;
    const memory = this.#engine === 'memory';
    const now = (): number => this.clock.now();
    this.log = memory ? openMemoryLog() : openEmbeddedLog({ file: join(folder, 'log.sqlite') });
    this.views = memory ? openMemoryViews() : openEmbeddedViews({ file: join(folder, 'views.sqlite') });
    this.state = memory
      ? openMemoryState({ log: this.log, now })
      : openEmbeddedState({ file: join(folder, 'state.sqlite'), log: this.log, now });
    this.blobs = wrap(openFsBlobs({ root: join(folder, 'files') }));
    const projections = new ProjectionSet({
      log: this.log,
      views: this.views,
      projections: [...FACTS_PROJECTIONS, records, labelled, ...this.#more],
    });
    await projections.start();
    this.#projections = projections;
    this.#tokens = await issuerOf(this.log, 'http://test', this.clock);
    const main = await this.#process(config, this.blobs);
    this.main = main;
    this.app = main.app;
    this.url = main.url;
    this.#closers = [
      () => Promise.all([main, ...this.#others.splice(0)].map((p) => p.close())),
      () => projections.stop(),
      () => this.state.close(),
      () => this.log.close(),
      () => this.views.close(),
    ];
  }
  /** Waits until the views have all of the log, so that what is counted next is the work of requests alone. */
  async settled(): Promise<void> {
    await eventually(async () =>
      (await this.#projections.status()).every(({ position, head }) =>
        Object.entries(head).every(([topic, heads]) =>
          heads.every((next, n) => (position.topics[topic]?.[n] ?? 0) >= next),
        ),
      ),
    );
  }
  /** Starts another process of the export service over the same engines. */
  async another(
    config: TestConfig = {},
    wrap: (blobs: Blobs) => Blobs = (b) => b,
    state: (state: State) => State = (x) => x,
    views: (views: Views) => Views = (v) => v,
  ): Promise<ExportProcess> {
    const process = await this.#process(
      config,
      wrap(openFsBlobs({ root: join(this.folder, 'files') })),
      state(this.state),
      views(this.views),
    );
    this.#others.push(process);
    return process;
  }
  async #process(config: TestConfig, blobs: Blobs, state = this.state, views = this.views): Promise<ExportProcess> {
    const logger = {
      ...silentLogger,
      warn: (fields: { error?: unknown }) => {
        this.failures.push(String(fields.error));
      },
    };
    const ports = { log: this.log, views, state, clock: this.clock, logger, metrics: new Metrics() };
    const runtime = { ports, staticTokens: new StaticTokens({ administrator: ADMIN }) };
    const module = ExportModule.register(
      runtime,
      blobs,
      {
        ...exportConfig(exportSettings.parse({ PUBLIC_URL: 'http://test' })),
        facts: { pollMs: 50, boundMs: 60_000 },
        pollMs: 20,
        backoffMs: () => 5,
        skewMarginMs: 0,
        writers: 0,
        pollsPerMinute: 100_000,
        ...config,
      },
      config.finder && (() => config.finder!),
    );
    const app = await createServiceApp(module, { name: 'export', ports });
    const fastify = app.getHttpAdapter().getInstance() as unknown as FastifyInstance;
    const server = createServer((request, response) => fastify.routing(request, response));
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
    let closed = false;
    return {
      app,
      url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
      async close() {
        if (closed) return;
        closed = true;
        server.closeAllConnections();
        await new Promise((resolve) => server.close(resolve));
        await app.close();
      },
    };
  }
  async close(): Promise<void> {
    for (const close of this.#closers) await close();
    this.#closers = [];
  }
  async restart(config: TestConfig = {}, wrap?: (blobs: Blobs) => Blobs): Promise<void> {
    await this.close();
    await this.open(config, wrap);
  }
  async dispose(): Promise<void> {
    await this.close();
    await rm(this.folder, { recursive: true, force: true });
  }

  async token(client = 'c1', scope = ALL): Promise<string> {
    return (await this.#tokens.issue(client, scope, this.approvals.get(client) ?? 1)).token;
  }
  /** The streams as another process uses them. */
  streams(): JobStreams {
    const { state, views, clock } = this;
    return new JobStreams({ state, views, clock, metrics: new Metrics() }, { waitMs: 10_000 });
  }
  /** A task of client c1, with party facts that permit it. */
  taskOf({
    group,
    ...of
  }: Pick<ChunkTask, 'job' | 'chunk' | 'fence' | 'types' | 'members'> & { readonly group: string }): ChunkTask {
    const party = {
      client: {
        client: 'c1',
        name: 'c1',
        status: 'approved' as const,
        history: [{ status: 'approved' as const, at: LONG_AGO }],
        bindings: [{ provider: NPI as ProviderKey, from: LONG_AGO, recordedAt: LONG_AGO }],
        scope: ALL,
      },
      network: new Map([[NPI as ProviderKey, [{ status: 'in-network' as const, from: LONG_AGO }]]]),
      sourceHolds: new Map(),
      specialties: new Map(),
      deactivated: new Set<ProviderKey>(),
      lines: [],
      identities: new Map(),
      asOf: undefined,
      readUntil: {},
    };
    return { ...of, client: 'c1', purpose: { kind: 'export', group }, party };
  }
  labels(policy: LabelPolicy = DEFAULT_LABEL_POLICY): LabelGate {
    const members = this.views.reader(memberFacts);
    return new LabelGate({ policy, records: new RecordsReader(this.views), members, clock: this.clock });
  }
  reader(projection: Projection): ViewReader {
    return this.views.reader(projection);
  }
  extracts(options: ExtractsOptions): Extracts | undefined {
    return this.views.extracts(options);
  }
  records(): RecordsReader {
    return new RecordsReader(this.views);
  }
  /** Writes a chunk as another process would, under the fence of the item that it took. */
  async writeAsAnother(item: WorkItem, members: readonly string[]): Promise<void> {
    const { job: id, chunk } = item.payload as { job: string; chunk: number };
    const job = (await this.streams().load(id))!;
    const task = this.taskOf({ job: id, chunk, fence: item.fence, group: job.group, types: job.types, members });
    const { summary } = await writeChunk(task, {
      records: new RecordsReader(this.views),
      facts: this.views.reader(memberFacts),
      blobs: this.blobs,
      clock: this.clock,
      labels: this.labels(),
    });
    const name = summaryOf(id, chunk, item.fence);
    await this.blobs.put(name, JSON.stringify(summary));
    const executed = await this.streams().execute({
      kind: 'write-chunk',
      data: {
        job: id,
        chunk,
        fence: item.fence,
        summary: name,
        members: members.length,
        refused: 0,
        resources: 0,
        bytes: 0,
      },
    });
    if (!executed.ok || !(await this.state.work.done(item)))
      throw new Error('the job refused the chunk of the other process');
  }
  async events(topic: string): Promise<{ type: string; data: Record<string, unknown> }[]> {
    const records = await recordsOf(this.log, topic);
    return records.map((record) => ({ type: typeOf(record)!, data: dataOf(record) }));
  }
  async fileNames(): Promise<string[]> {
    const names: string[] = [];
    for await (const { name } of this.blobs.list('jobs/')) names.push(name);
    return names;
  }
  readiness(): Promise<{ name: string; ready: boolean; detail?: string }[]> {
    return Promise.all(
      this.app
        .get<ReadinessCheck[]>(READINESS, { strict: false })
        .map(async (c) => ({ name: c.name, ...(await c.check()) })),
    );
  }

  async fetch(
    path: string,
    options: { token?: string; method?: string; headers?: Record<string, string>; body?: string } = {},
  ): Promise<Response> {
    const token = options.token ?? (await this.token());
    return fetch(this.url + path.replace('http://test', ''), {
      method: options.method ?? 'GET',
      headers: { authorization: `Bearer ${token}`, 'accept-encoding': 'identity', ...options.headers },
      ...(options.body !== undefined && { body: options.body }),
    });
  }
  /** Returns the path of the job. */
  async kickOff(query = '', options: { token?: string; group?: string } = {}): Promise<string> {
    const response = await this.fetch(`/fhir/Group/${options.group ?? GROUP}/$export${query}`, {
      ...(options.token !== undefined && { token: options.token }),
      headers: { prefer: 'respond-async' },
    });
    if (response.status !== 202) throw new Error(`kick-off ${response.status}: ${await response.text()}`);
    return response.headers.get('content-location')!.replace('http://test', '');
  }
  /** Polls the status until the answer is not 202. */
  async finish(job: string, token?: string): Promise<Response> {
    return eventually(async () => {
      const response = await this.fetch(job, token === undefined ? {} : { token });
      return response.status !== 202 && response;
    });
  }
  async manifest(job: string, token?: string): Promise<ManifestBody> {
    const response = await this.finish(job, token);
    if (response.status !== 200) throw new Error(`status ${response.status}: ${await response.text()}`);
    return (await response.json()) as ManifestBody;
  }
  /** Every line of a manifest's output, parsed, by type. */
  async lines(
    manifest: ManifestBody,
    list: 'output' | 'deleted' | 'error' = 'output',
    token?: string,
  ): Promise<Record<string, { id: string; [key: string]: unknown }[]>> {
    const found: Record<string, { id: string }[]> = {};
    for (const { url, type } of manifest[list]) {
      const response = await this.fetch(url, token === undefined ? {} : { token });
      if (response.status !== 200) throw new Error(`file ${response.status}`);
      const text = await response.text();
      (found[type] ??= []).push(
        ...text
          .split('\n')
          .filter((l) => l !== '')
          .map((l) => JSON.parse(l) as { id: string }),
      );
    }
    return found;
  }
}
export interface ManifestBody {
  transactionTime: string;
  request: string;
  requiresAccessToken: boolean;
  output: { type: string; url: string; count: number }[];
  outputOrganizedBy?: string;
  deleted: { type: string; url: string; count: number }[];
  error: { type: string; url: string; count: number }[];
}
