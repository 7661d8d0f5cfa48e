import { type DynamicModule, Inject, Module } from '@nestjs/common';
import type { Blobs } from '@provider-access/engines/blob';
import { Facts, ListHeads } from '@provider-access/facts';
import { putInForce } from '@provider-access/domain/pdex/labels';
import { LabelGate, PayerDirectory } from '@provider-access/records';
import { consumer, ServiceModule, type ServiceRuntime } from '@provider-access/process/service-module';
import { PORTS, READINESS, type ReadinessCheck, type ServicePorts } from '@provider-access/service/http';
import { BLOBS, CONFIG, type ExportConfig } from './config.ts';
import { measureExports } from './export-metrics.ts';
import { AnsweredLevels } from './jobs/answered-levels.ts';
import { ChunkStep } from './jobs/chunk-step.ts';
import { Chunks } from './jobs/chunks.ts';
import { ClientLimits } from './jobs/client-limits.ts';
import { ExportedViews } from './jobs/exported-views.ts';
import { ExportWork } from './jobs/export-work.ts';
import { JobSteps } from './jobs/job-steps.ts';
import { JobStreams } from './jobs/job-stream.ts';
import { Sealer } from './jobs/sealer.ts';
import { AskedPatients } from './operations/davinci-data-export/asked-patients.ts';
import { bodyParsers } from './operations/davinci-data-export/body-parsers.ts';
import { ExportController } from './operations/davinci-data-export/export.controller.ts';
import { KickOffs } from './operations/davinci-data-export/kick-off.ts';
import { NewJobs } from './operations/davinci-data-export/new-jobs.ts';
import { DownloadController } from './operations/download/download.controller.ts';
import { DownloadNotes } from './operations/download/download-notes.ts';
import { DownloadSlots } from './operations/download/download-slots.ts';
import { Releases } from './operations/download/releases.ts';
import { ListController } from './operations/list/list.controller.ts';
import { OwnJobs } from './operations/own-jobs.ts';
import { StatusController } from './operations/status/status.controller.ts';
import { exportJobs } from './projections/export-jobs.ts';
import { SUBSCRIPTIONS } from './subscriptions.ts';

/** ms. If no worker has asked for work for this time, the process is not ready. */
const STALE_MS = 15_000;

/** Bulk exports: jobs, part files, downloads. */
@Module({})
export class ExportModule {
  constructor(
    @Inject(PORTS) { views, state, clock, metrics }: ServicePorts,
    @Inject(READINESS) checks: ReadinessCheck[],
    @Inject(ExportWork) work: ExportWork,
  ) {
    measureExports(metrics, { jobs: views.reader(exportJobs), work: state.work, clock });
    checks.push(
      {
        name: 'workers',
        check: async () =>
          clock.now() - work.lastBeat() < STALE_MS
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
  }

  static register(runtime: ServiceRuntime, blobs: Blobs, config: ExportConfig): DynamicModule {
    const { clock, views } = runtime.ports;
    putInForce(config.codeLists, config.labels);
    return {
      module: ExportModule,
      imports: [
        ServiceModule.forRoot(runtime, {
          name: 'export',
          facts: config.facts,
          publicUrl: config.publicUrl,
          projections: [exportJobs],
          jobs: [DownloadNotes, ExportWork],
          consumers: (get) => [
            consumer(SUBSCRIPTIONS.work, get(ExportWork)),
            // A group of its own, so that the next step of a job does not wait for the measurement.
            consumer(SUBSCRIPTIONS.levels, get(AnsweredLevels)),
          ],
          http: bodyParsers,
        }),
      ],
      controllers: [ExportController, ListController, StatusController, DownloadController],
      providers: [
        { provide: CONFIG, useValue: config },
        { provide: BLOBS, useValue: blobs },
        {
          provide: LabelGate,
          inject: [ExportedViews, Facts],
          useFactory: ({ records }: ExportedViews, { reader: members }: Facts) =>
            new LabelGate({ policy: config.labels, records, members, clock }),
        },
        {
          provide: ListHeads,
          inject: [Facts, LabelGate],
          useFactory: ({ parties }: Facts, labels: LabelGate) =>
            new ListHeads({ views, parties, directory: new PayerDirectory(views, parties, labels) }, config),
        },
        ExportedViews,
        JobStreams,
        ClientLimits,
        Chunks,
        ChunkStep,
        Sealer,
        JobSteps,
        ExportWork,
        AnsweredLevels,
        AskedPatients,
        NewJobs,
        KickOffs,
        OwnJobs,
        Releases,
        DownloadNotes,
        DownloadSlots,
      ],
    };
  }
}
