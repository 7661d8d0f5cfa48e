import { type DynamicModule, Inject, Module } from '@nestjs/common';
import { HttpAdapterHost } from '@nestjs/core';
import type { FastifyInstance } from 'fastify';
import type { Blobs } from '@provider-access/engines/blob';
import { Facts, GroupLists, ListHeads } from '@provider-access/facts';
import { putInForce } from '@provider-access/domain/pdex/labels';
import { LabelGate, MatchIndex, PayerDirectory } from '@provider-access/records';
import { consumer, ServiceModule, type ServiceRuntime } from '@provider-access/process/service-module';
import { PORTS, READINESS, type ReadinessCheck, type ServicePorts } from '@provider-access/service/http';
import {
  ANSWERING,
  BLOBS,
  DownloadNotes,
  exportJobs,
  JOBS_CONFIG,
  type Job,
  JobViews,
  JobWork,
  type Kinds,
  KINDS,
  measureJobs,
  OPERATIONS,
  RUNNING,
} from '@provider-access/jobs';
import { CONFIG, type ExportConfig } from './config.ts';
import { AnsweredLevels } from './jobs/answered-levels.ts';
import { Chunks } from './jobs/chunks.ts';
import { ExportKind } from './jobs/export-kind.ts';
import { Sealer } from './jobs/sealer.ts';
import { FINDER, type FinderFor, MATCH_PATH, MATCHING, MatchController, MatchKind } from './match/index.ts';
import { AskedPatients } from './operations/davinci-data-export/asked-patients.ts';
import { bodyParsers } from './operations/davinci-data-export/body-parsers.ts';
import { ExportController } from './operations/davinci-data-export/export.controller.ts';
import { KickOffs } from './operations/davinci-data-export/kick-off.ts';
import { NewJobs } from './operations/davinci-data-export/new-jobs.ts';
import { SUBSCRIPTIONS } from './subscriptions.ts';

/** ms. If no worker has asked for work for this time, the process is not ready. */
const STALE_MS = 15_000;
/** Bytes of a request for a match: 16 KB for each of its bundles. */
const MATCH_BYTES = 16 * 1024 * 1024;

/** Finds members by the index that resources keeps up. */
const findersOf = (
  { views, log }: ServicePorts,
  { records }: JobViews,
  { reader: members, parties }: Facts,
  labels: LabelGate,
  { memberIdSystems: systems }: ExportConfig,
): FinderFor => {
  const index = new MatchIndex({ views, log, records, members, systems });
  return (client) => index.finder(() => labels.check(parties, client));
};

/** Bulk exports: jobs, part files, downloads. */
@Module({})
export class ExportModule {
  constructor(
    @Inject(PORTS) { views, state, clock, metrics }: ServicePorts,
    @Inject(READINESS) checks: ReadinessCheck[],
    @Inject(JobWork) work: JobWork,
    @Inject(HttpAdapterHost) host: HttpAdapterHost,
  ) {
    // In the constructor, because Nest registers the routes before it calls the lifecycle hooks of a module.
    host.httpAdapter.getInstance<FastifyInstance>().addHook('onRoute', (route) => {
      if (route.url === MATCH_PATH) route.bodyLimit = MATCH_BYTES;
    });
    measureJobs(metrics, { jobs: views.reader(exportJobs), work: state.work, clock });
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

  static register(runtime: ServiceRuntime, blobs: Blobs, config: ExportConfig, finder?: FinderFor): DynamicModule {
    const { clock, views, state } = runtime.ports;
    putInForce(config.codeLists, config.labels);
    return {
      module: ExportModule,
      imports: [
        ServiceModule.forRoot(runtime, {
          name: 'export',
          facts: config.facts,
          publicUrl: config.publicUrl,
          projections: [exportJobs],
          jobs: [DownloadNotes, JobWork],
          consumers: (get) => [
            consumer(SUBSCRIPTIONS.work, get(JobWork)),
            // A group of its own, so that the next step of a job does not wait for the measurement.
            consumer(SUBSCRIPTIONS.levels, get(AnsweredLevels)),
          ],
          http: bodyParsers,
        }),
      ],
      controllers: [ExportController, MatchController, ...OPERATIONS],
      providers: [
        { provide: CONFIG, useValue: config },
        { provide: JOBS_CONFIG, useValue: config },
        { provide: BLOBS, useValue: blobs },
        {
          provide: LabelGate,
          inject: [JobViews, Facts],
          useFactory: ({ records }: JobViews, { reader: members }: Facts) =>
            new LabelGate({ policy: config.labels, records, members, clock }),
        },
        {
          provide: GroupLists,
          inject: [Facts],
          useFactory: ({ parties }: Facts) => new GroupLists({ views, parties, claims: state.claims, clock }),
        },
        {
          provide: ListHeads,
          inject: [Facts, LabelGate],
          useFactory: ({ parties }: Facts, labels: LabelGate) =>
            new ListHeads({ views, parties, directory: new PayerDirectory(views, parties, labels) }, config),
        },
        ...RUNNING,
        ...ANSWERING,
        {
          provide: KINDS,
          inject: [ExportKind, MatchKind],
          useFactory: (exported: ExportKind, matched: MatchKind): Kinds => ({
            of: ({ match }: Pick<Job, 'match'>) => (match === undefined ? exported : matched),
            all: [exported, matched],
          }),
        },
        ...MATCHING,
        {
          provide: FINDER,
          inject: [PORTS, JobViews, Facts, LabelGate, CONFIG],
          useFactory: finder === undefined ? findersOf : () => finder,
        },
        ExportKind,
        Chunks,
        Sealer,
        AnsweredLevels,
        AskedPatients,
        NewJobs,
        KickOffs,
      ],
    };
  }
}
