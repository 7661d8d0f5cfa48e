import { randomUUID } from 'node:crypto';
import { type DynamicModule, Inject, Module, type OnModuleDestroy, type OnModuleInit } from '@nestjs/common';
import { LevelLedger } from '@provider-access/audit';
import { BusinessCalendar } from '@provider-access/domain/pdex/service-levels';
import type { Blobs } from '@provider-access/engines/blob';
import { ServiceModule, type ServiceRuntime } from '@provider-access/process/service-module';
import { READINESS, type ReadinessCheck } from '@provider-access/service/http';
import { CONFIG, EXPORT_DEFAULTS, type ExportConfig } from './config.ts';
import { BLOBS, ExportContext } from './context.ts';
import { measureExports } from './export-metrics.ts';
import { AnsweredLevels } from './jobs/answered-levels.ts';
import { ChunkPool, type ChunkWriting } from './jobs/chunk-pool.ts';
import { writeChunk } from './jobs/chunk-writer.ts';
import { ExportWork } from './jobs/export-work.ts';
import { JobStreams } from './jobs/job-stream.ts';
import { JobsController } from './jobs/jobs.controller.ts';
import { bodyParsers } from './operations/davinci-data-export/body-parsers.ts';
import { DownloadController } from './operations/download/download.controller.ts';
import { ExportController } from './operations/davinci-data-export/export.controller.ts';
import { ListController } from './operations/list/list.controller.ts';
import { StatusController } from './operations/status/status.controller.ts';
import { exportJobs, getJob } from './projections/export-jobs.ts';

export interface ExportOptions extends ServiceRuntime {
  readonly config: Partial<ExportConfig> & Pick<ExportConfig, 'publicUrl'>;
  readonly blobs: Blobs;
}

/** ms. If no worker has asked for work for this time, the process is not ready. */
const STALE_MS = 15_000;

@Module({})
export class ExportModule implements OnModuleInit, OnModuleDestroy {
  constructor(
    @Inject(ExportContext) private readonly context: ExportContext,
    @Inject(ExportWork) private readonly work: ExportWork,
    @Inject(READINESS) private readonly checks: ReadinessCheck[],
  ) {}

  static register({ config: given, blobs, ...runtime }: ExportOptions): DynamicModule {
    const config: ExportConfig = { ...EXPORT_DEFAULTS, ...given };
    const { log, views, state, clock, metrics } = runtime.ports;
    return {
      module: ExportModule,
      imports: [
        ServiceModule.forRoot(runtime, {
          name: 'export',
          facts: config.facts,
          publicUrl: config.publicUrl,
          projections: [exportJobs],
          http: bodyParsers,
        }),
      ],
      controllers: [ExportController, ListController, StatusController, DownloadController, JobsController],
      providers: [
        { provide: CONFIG, useValue: config },
        { provide: BLOBS, useValue: blobs },
        {
          provide: JobStreams,
          useFactory: () => {
            const jobs = views.reader(exportJobs);
            return new JobStreams(state, clock, { projected: (job) => getJob(jobs, job), metrics });
          },
        },
        ExportContext,
        {
          provide: ExportWork,
          inject: [ExportContext],
          useFactory: (context: ExportContext) =>
            new ExportWork({
              ...context,
              access: context.facts.access,
              parties: context.facts.parties,
              facts: context.facts.reader,
              memberships: context.views.memberships,
              chunks: chunksOf(context),
              holder: `export-${randomUUID()}`,
            }),
        },
        {
          provide: AnsweredLevels,
          inject: [JobStreams, BusinessCalendar],
          useFactory: (streams: JobStreams, calendar: BusinessCalendar) =>
            new AnsweredLevels({
              ledger: new LevelLedger({ log, clock, metrics, service: 'export', objectives: ['answered'] }),
              calendar,
              load: (job) => streams.load(job),
            }),
        },
      ],
    };
  }

  onModuleInit(): void {
    const { context, work } = this;
    const { ports, views, downloads } = context;
    measureExports(ports.metrics, { jobs: views.jobs, work: ports.state.work, clock: ports.clock });
    this.checks.push(
      {
        name: 'workers',
        check: async () =>
          ports.clock.now() - work.lastBeat() < STALE_MS
            ? { ready: true }
            : { ready: false, detail: 'no worker has asked for work for 15 s' },
      },
      // Stay ready when the storage is full. All processes share it, and if all left their Service, downloads and
      // status requests would fail too.
      {
        name: 'storage',
        check: async () =>
          work.storageFull() ? { ready: true, detail: 'the file storage is full: exports wait' } : { ready: true },
      },
    );
    work.start(views.jobs);
    downloads.start();
  }
  /** In this hook, because it runs before the consumers of the log end. Returns running work to the queue. */
  async onModuleDestroy(): Promise<void> {
    await this.work.stop();
    await this.context.downloads.stop();
  }
}

/** Writes chunks in worker threads, or in the main thread for tests whose in-memory engines a thread cannot open. */
function chunksOf({ ports, config, blobs, records, facts, labels }: ExportContext): ChunkWriting {
  if (config.writers > 0) return new ChunkPool(ports.views, blobs, config.labels, config.writers);
  return {
    write: (task) => writeChunk(task, { records, facts: facts.reader, blobs, clock: ports.clock, labels }),
    close: async () => undefined,
  };
}
