import {
  type DynamicModule,
  Module,
  type OnApplicationShutdown,
  type OnModuleDestroy,
  type OnModuleInit,
  type Provider,
} from '@nestjs/common';
import { HttpAdapterHost } from '@nestjs/core';
import type { FastifyInstance } from 'fastify';
import { Audit, LevelLedger } from '@provider-access/audit';
import { PA_RECORDS } from '@provider-access/events';
import { Derivation } from '@provider-access/engines/log';
import { Facts, type MemberFactsDocument, type PresenceOptions } from '@provider-access/facts';
import {
  PORTS,
  countOutcomes,
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
  type Secret,
  SMART,
  STATIC_TOKENS,
  type StaticTokens,
  StaticTokenGuard,
} from '@provider-access/smart';
import { TransactionTimes } from '@provider-access/engines/state';
import { ProjectionSet } from '@provider-access/engines/views';
import { CONFIG, type ResourcesConfig, resourcesConfig } from './config.ts';
import { IntakeController } from './intake/intake.controller.ts';
import { LevelsController } from './intake/levels.controller.ts';
import { ReadingThread } from './intake/reading-thread.ts';
import { RecordIntake } from './intake/record-intake.ts';
import { VisibleLevels } from './intake/visible-levels.ts';
import { DeadLettersController } from './operations/dead-letters/dead-letters.controller.ts';
import { EventAppender } from './operations/events/append-events.ts';
import { registerBodyParsers } from './operations/events/body-parsers.ts';
import { EventsController } from './operations/events/events.controller.ts';
import { MetadataController } from './operations/metadata/metadata.controller.ts';
import { ReadController } from './operations/read/read.controller.ts';
import { ReceiptsController } from './operations/receipts/receipts.controller.ts';
import { PageLinks } from './operations/search/page-links.ts';
import { SearchController } from './operations/search/search.controller.ts';
import { deadLetters, measureDeadLetters } from './projections/dead-letters.ts';
import { PROJECTIONS, RECORDS } from './projections/index.ts';

export interface ResourcesOptions {
  readonly ports: ServicePorts;
  readonly config: ResourcesConfig;
  /** Of the payer and of the administrator. */
  readonly staticTokens: StaticTokens;
  /** Sign page links: the first makes, all are accepted. */
  readonly pageKeys: Secret<readonly Buffer[]>;
  /** Where several processes decide. */
  readonly presence?: PresenceOptions;
  /** By which service levels are measured, and from when on (ms since the epoch). */
  readonly serviceLevels?: { readonly calendar?: CalendarRules; readonly since?: number | undefined };
}
const STALE_MS = 30_000;
/** Records a transaction of a view: requests wait for one, not for a thousand lines. */
const VIEW_BATCH = 250;

/** Starts and stops the background work of the service. */
class Background implements OnModuleInit, OnModuleDestroy, OnApplicationShutdown {
  private readonly host: HttpAdapterHost;
  private readonly projections: ProjectionSet;
  private readonly facts: Facts;
  private readonly reading: ReadingThread;
  constructor(host: HttpAdapterHost, projections: ProjectionSet, facts: Facts, reading: ReadingThread) {
    this.reading = reading;
    this.host = host;
    this.projections = projections;
    this.facts = facts;
  }
  async onModuleInit(): Promise<void> {
    registerBodyParsers(this.host.httpAdapter.getInstance<FastifyInstance>());
    await this.projections.start();
    await this.facts.start();
  }
  async onModuleDestroy(): Promise<void> {
    await this.facts.stop();
    await this.projections.stop();
  }
  /** No batch is in flight any more. */
  async onApplicationShutdown(): Promise<void> {
    await this.reading.close();
  }
}

function providers({
  ports,
  config: input,
  staticTokens,
  pageKeys,
  presence,
  serviceLevels,
}: ResourcesOptions): Provider[] {
  const config = resourcesConfig.parse(input);
  const { log, views, state, clock, logger, metrics } = ports;
  const ledger = new LevelLedger({
    log,
    clock,
    metrics,
    service: 'resources',
    objectives: ['claims-visible', 'prior-authorization-visible'],
  });
  return [
    { provide: PORTS, useValue: ports },
    { provide: CONFIG, useValue: config },
    {
      provide: Facts,
      useFactory: () =>
        new Facts({
          log,
          views,
          clock,
          metrics,
          logger,
          service: 'resources',
          boundMs: config.boundMs,
          pollMs: config.pollMs,
          presence,
        }),
    },
    {
      provide: Audit,
      useFactory: () =>
        new Audit({ log, clock, metrics, source: 'urn:provider-access:resources', tracing: ports.tracing }),
    },
    {
      provide: ProjectionSet,
      useFactory: () => {
        const projections = new ProjectionSet({ log, views, projections: PROJECTIONS, logger, maxRecords: VIEW_BATCH });
        measureViews(metrics, projections);
        measureDeadLetters(metrics, views.reader(deadLetters));
        return projections;
      },
    },
    { provide: RECORDS, useFactory: () => recordsReader(views) },
    { provide: STATIC_TOKENS, useValue: staticTokens },
    {
      provide: SMART,
      inject: [Facts],
      useFactory: ({ parties }: Facts) =>
        new Authenticator(
          new AccessTokens({ keys: publishedKeys(parties), publicUrl: config.publicUrl, clock, metrics }),
          parties,
        ),
    },
    { provide: PageLinks, useValue: new PageLinks(pageKeys) },
    {
      provide: EventAppender,
      inject: [Facts],
      useFactory: (facts: Facts) => new EventAppender(log, facts.access, metrics),
    },
    {
      provide: RecordIntake,
      inject: [RECORDS, ReadingThread, Facts],
      useFactory: (reader: ReturnType<typeof recordsReader>, reading: ReadingThread, facts: Facts) =>
        new RecordIntake({
          log,
          reader,
          reading,
          claims: state.claims,
          leases: state.leases,
          transactionTimes: new TransactionTimes(state.streams),
          mergedWith: async (member) =>
            ((await facts.reader.get(member)) as MemberFactsDocument | undefined)?.members?.mergedWith ?? [],
          factsPassed: async (timeoutMs) => facts.access.waitForPayer(await facts.access.payerHead(), timeoutMs),
          clock,
          logger,
          floor: config.floor,
          levels: ledger,
          levelsSince: serviceLevels?.since,
          derivation: new Derivation({
            log,
            deriver: 'resources',
            progressTopic: PA_RECORDS,
            now: () => clock.now(),
            done: countOutcomes(metrics, 'resources'),
          }),
        }),
    },
    {
      provide: VisibleLevels,
      inject: [RECORDS],
      useFactory: (reader: ReturnType<typeof recordsReader>) =>
        new VisibleLevels({
          ledger,
          log,
          reader,
          deadLetters: views.reader(deadLetters),
          clock,
          calendar: new BusinessCalendar(serviceLevels?.calendar),
        }),
    },
    { provide: ReadingThread, useFactory: () => new ReadingThread() },
    {
      provide: Background,
      inject: [HttpAdapterHost, ProjectionSet, Facts, ReadingThread],
      useFactory: (host: HttpAdapterHost, projections: ProjectionSet, facts: Facts, reading: ReadingThread) =>
        new Background(host, projections, facts, reading),
    },
    {
      provide: READINESS,
      inject: [ProjectionSet, Facts, RecordIntake],
      useFactory: (projections: ProjectionSet, facts: Facts, intake: RecordIntake): ReadinessCheck[] => [
        { name: 'facts', check: async () => facts.check() },
        {
          name: 'intake',
          async check() {
            const failure = intake.failure();
            return failure === undefined ? { ready: true } : { ready: false, detail: failure };
          },
        },
        {
          name: 'views',
          async check() {
            const found = await projections.check();
            if (!found.ready || Date.now() - projections.lastPoll() < STALE_MS) return found;
            return { ready: false, detail: 'a view has not asked the log for 30 s' };
          },
        },
      ],
    },
  ];
}

/** Intake of payer data, FHIR reads and searches, CapabilityStatement. */
@Module({})
export class ResourcesModule {
  static register(options: ResourcesOptions): DynamicModule {
    return {
      module: ResourcesModule,
      controllers: [
        IntakeController,
        LevelsController,
        EventsController,
        ReceiptsController,
        DeadLettersController,
        viewsController('resources', StaticTokenGuard('administrator')),
        MetadataController,
        SearchController,
        ReadController,
      ],
      providers: providers(options),
      exports: [READINESS],
    };
  }
}
