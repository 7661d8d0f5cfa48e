import { randomUUID } from 'node:crypto';
import {
  type DynamicModule,
  Inject,
  Module,
  type BeforeApplicationShutdown,
  type OnModuleDestroy,
  type OnModuleInit,
} from '@nestjs/common';
import { HttpAdapterHost } from '@nestjs/core';
import type { FastifyInstance } from 'fastify';
import { Audit, LevelLedger } from '@provider-access/audit';
import type { Blobs } from '@provider-access/engines/blob';
import { Facts, groups, memberships, type PresenceOptions } from '@provider-access/facts';
import {
  measureViews,
  READINESS,
  type ReadinessCheck,
  type ServicePorts,
  viewsController,
} from '@provider-access/service/http';
import { BusinessCalendar, type CalendarRules } from '@provider-access/domain/pdex/service-levels';
import { recordsReader } from '@provider-access/facts/records';
import {
  AccessTokens,
  Authenticator,
  publishedKeys,
  SMART,
  STATIC_TOKENS,
  type StaticTokens,
  StaticTokenGuard,
} from '@provider-access/smart';
import { ProjectionSet } from '@provider-access/engines/views';
import { EXPORT_DEFAULTS, type ExportConfig } from './config.ts';
import type { ExportContext } from './context.ts';
import { measureExports } from './export-metrics.ts';
import { AnsweredLevels } from './jobs/answered-levels.ts';
import { ChunkPool, type ChunkWriting } from './jobs/chunk-pool.ts';
import { writeChunk } from './jobs/chunk-writer.ts';
import { ExportWork } from './jobs/export-work.ts';
import { FollowExportsController } from './jobs/follow-exports.controller.ts';
import { JobStreams } from './jobs/job-stream.ts';
import { LevelsController } from './jobs/levels.controller.ts';
import { RunningSlots } from './jobs/running-slots.ts';
import { DownloadController } from './operations/download.controller.ts';
import { DownloadNotes } from './operations/download-notes.ts';
import { ExportController } from './operations/export.controller.ts';
import { Releases } from './operations/releases.ts';
import { StatusController } from './operations/status.controller.ts';
import { exportJobs, getJob } from './projections/export-jobs.ts';
import { EXPORT } from './tokens.ts';

export interface ExportOptions {
  readonly ports: ServicePorts;
  readonly config: Partial<ExportConfig> & Pick<ExportConfig, 'publicUrl'>;
  readonly blobs: Blobs;
  readonly staticTokens: StaticTokens;
  /** Where several processes decide. */
  readonly presence?: PresenceOptions;
  /** The calendar by which the service level of exports is measured. */
  readonly calendar?: CalendarRules;
  /** Facts older than this decide nothing, ms, and how often heads are polled. */
  readonly facts?: { readonly boundMs?: number; readonly pollMs?: number };
}

/** A worker that has not asked for work for this time counts as gone. */
const STALE_MS = 15_000;

/** Bulk exports: kick-off, jobs, part files, status, downloads. */
@Module({})
export class ExportModule implements OnModuleInit, BeforeApplicationShutdown, OnModuleDestroy {
  private readonly adapter: HttpAdapterHost;
  private readonly projections: ProjectionSet;
  private readonly context: ExportContext;
  private readonly work: ExportWork;
  constructor(
    @Inject(HttpAdapterHost) adapter: HttpAdapterHost,
    @Inject(ProjectionSet) projections: ProjectionSet,
    @Inject(EXPORT) context: ExportContext,
    @Inject(ExportWork) work: ExportWork,
  ) {
    this.adapter = adapter;
    this.projections = projections;
    this.context = context;
    this.work = work;
  }

  static register(options: ExportOptions): DynamicModule {
    const { ports, blobs } = options;
    const { log, views, state, clock, logger, metrics } = ports;
    const config: ExportConfig = { ...EXPORT_DEFAULTS, ...options.config };
    const facts = new Facts({
      log,
      views,
      clock,
      metrics,
      logger,
      service: 'export',
      presence: options.presence,
      ...options.facts,
    });
    const projections = new ProjectionSet({ log, views, projections: [exportJobs], logger });
    measureViews(metrics, projections);
    const jobs = views.reader(exportJobs);
    measureExports(metrics, { jobs, work: state.work, clock });
    const streams = new JobStreams(state, clock, { told: (job) => getJob(jobs, job), metrics });
    const slots = new RunningSlots(state, streams, clock, config.runningPerClient);
    const records = recordsReader(views);
    const audit = new Audit({ log, clock, metrics, source: 'urn:provider-access:export', tracing: ports.tracing });
    const context: ExportContext = {
      ports,
      config,
      blobs,
      facts,
      audit,
      records,
      streams,
      slots,
      releases: new Releases(blobs, facts.access),
      downloads: new DownloadNotes(ports),
      views: { jobs, groups: views.reader(groups), memberships: views.reader(memberships) },
    };
    const chunks: ChunkWriting =
      config.writers > 0
        ? new ChunkPool(views, blobs, config.writers)
        : {
            write: (task) => writeChunk(task, { records, facts: facts.reader, blobs, clock }),
            close: async () => undefined,
          };
    const work = new ExportWork({
      ports,
      config,
      blobs,
      streams,
      slots,
      access: facts.access,
      parties: facts.parties,
      audit,
      records,
      facts: facts.reader,
      memberships: context.views.memberships,
      chunks,
      holder: `export-${randomUUID()}`,
    });
    return {
      module: ExportModule,
      controllers: [
        ExportController,
        StatusController,
        DownloadController,
        viewsController('export', StaticTokenGuard('administrator')),
        FollowExportsController,
        LevelsController,
      ],
      providers: [
        { provide: EXPORT, useValue: context },
        { provide: Facts, useValue: facts },
        { provide: ProjectionSet, useValue: projections },
        { provide: ExportWork, useValue: work },
        {
          provide: AnsweredLevels,
          useValue: new AnsweredLevels({
            ledger: new LevelLedger({ log, clock, metrics, service: 'export', objectives: ['answered'] }),
            calendar: new BusinessCalendar(options.calendar),
            load: (job) => streams.load(job),
          }),
        },
        {
          provide: SMART,
          useValue: new Authenticator(
            new AccessTokens({ keys: publishedKeys(facts.parties), publicUrl: config.publicUrl, clock, metrics }),
            facts.parties,
          ),
        },
        { provide: STATIC_TOKENS, useValue: options.staticTokens },
        { provide: READINESS, useFactory: () => readiness(context, projections, work) },
      ],
      exports: [READINESS],
    };
  }

  async onModuleInit(): Promise<void> {
    const fastify = this.adapter.httpAdapter.getInstance<FastifyInstance>();
    // Nest takes forms too; FHIR does not here.
    if (fastify.hasContentTypeParser('application/x-www-form-urlencoded'))
      fastify.removeContentTypeParser('application/x-www-form-urlencoded');
    for (const type of ['application/fhir+json', 'application/json']) {
      if (fastify.hasContentTypeParser(type)) fastify.removeContentTypeParser(type);
      // A kick-off without parameters has no body, whatever its Content-Type says.
      fastify.addContentTypeParser(type, { parseAs: 'string' }, (_request, body, done) => {
        try {
          done(null, body === '' ? undefined : JSON.parse(String(body)));
        } catch {
          done(Object.assign(new Error('not JSON'), { code: 'FST_ERR_CTP_INVALID_JSON_BODY', statusCode: 400 }));
        }
      });
    }
    await this.projections.start();
    await this.context.facts.start();
    this.work.start(this.context.views.jobs);
    this.context.downloads.start();
  }
  /** Called before the subscriptions of the log end: hands back the work that is being done. */
  async beforeApplicationShutdown(): Promise<void> {
    await this.work.stop();
  }
  async onModuleDestroy(): Promise<void> {
    await this.work.stop();
    await this.context.downloads.stop();
    await this.context.facts.stop();
    await this.projections.stop();
  }
}

function readiness({ facts, ports }: ExportContext, projections: ProjectionSet, work: ExportWork): ReadinessCheck[] {
  return [
    { name: 'facts', check: async () => facts.check() },
    {
      name: 'views',
      check: () => projections.check(),
    },
    {
      name: 'workers',
      check: async () =>
        ports.clock.now() - work.lastBeat() < STALE_MS
          ? { ready: true }
          : { ready: false, detail: 'no worker has asked for work for 15 s' },
    },
    // All processes share the storage. Downloads and status requests go on, and would not if each process left its
    // Service.
    {
      name: 'storage',
      check: async () =>
        work.storageFull() ? { ready: true, detail: 'the file storage is full: exports wait' } : { ready: true },
    },
  ];
}
