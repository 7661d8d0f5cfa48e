import { type DynamicModule, type FactoryProvider, Inject, Module } from '@nestjs/common';
import { HttpAdapterHost } from '@nestjs/core';
import type { FastifyInstance } from 'fastify';
import { AuditChain, disclosures } from '@provider-access/audit';
import { freshness, serviceLevels } from '@provider-access/levels';
import {
  Facts,
  FACTS_PROJECTIONS,
  FactsHistory,
  FORMER_PROJECTIONS,
  GroupLists,
  history,
  ListHeads,
  SeenHistory,
} from '@provider-access/facts';
import { putInForce } from '@provider-access/domain/pdex/labels';
import { LabelGate, PayerDirectory, RecordsReader } from '@provider-access/records';
import { consumer, ServiceModule, type ServiceRuntime } from '@provider-access/process/service-module';
import { CONFIG, type AttributionConfig } from './config.ts';
import { DueNotices } from './notices/due-notices.ts';
import { evidence } from './projections/evidence.ts';
import { notices } from './projections/notices.ts';
import { MemberEventsIntake } from './intake/member-events.ts';
import { ProviderEventsIntake } from './intake/provider-events.ts';
import { ExportWithoutGroupController } from './operations/davinci-data-export/export-without-group.controller.ts';
import { MisroutedExportController } from './operations/davinci-data-export/misrouted-export.controller.ts';
import { RefusalsController } from './operations/refusals/refusals.controller.ts';
import { GroupReadController } from './operations/read/read.controller.ts';
import { GroupFilters } from './operations/search/group-filters.ts';
import { GroupSearchController } from './operations/search/search-type.controller.ts';
import { Forecast } from './operations/ops/forecast.ts';
import { NetworkForecast } from './operations/ops/network-forecast.ts';
import { ImportRuns } from './operations/imports/import-runs.ts';
import { ImportsController } from './operations/imports/imports.controller.ts';
import { GroupView } from './operations/group-view.ts';
import { WithheldPatients } from './operations/withheld-patients.ts';
import { Attestations } from './operations/attestations.ts';
import { Evidence } from './operations/ops/evidence.ts';
import { VisibleMembers } from './operations/ops/visible-members.ts';
import { AppUseController } from './operations/ops/app-use.controller.ts';
import { AttestationsController } from './operations/ops/attestations.controller.ts';
import { AuditEventController } from './operations/ops/audit-event.controller.ts';
import { VerificationController } from './operations/ops/verification.controller.ts';
import { EvidenceController } from './operations/ops/evidence.controller.ts';
import { NoticesController } from './operations/ops/notices.controller.ts';
import { DisclosuresController } from './operations/ops/disclosures.controller.ts';
import { ExplainController } from './operations/ops/explain.controller.ts';
import { ExplainListsController } from './operations/ops/explain-lists.controller.ts';
import { NewLabels } from './operations/ops/new-labels.ts';
import { ServiceLevels } from './operations/ops/service-levels.ts';
import { GroupFunnel } from './operations/ops/group-funnel.ts';
import { ListDemands } from './operations/ops/list-demands.ts';
import { ListsController } from './operations/ops/lists.controller.ts';
import { LabelSimulationController } from './operations/ops/label-simulation.controller.ts';
import { LabelSimulator } from './operations/ops/label-simulation.ts';
import { SourcesController } from './operations/ops/sources.controller.ts';
import { SourceListController } from './operations/ops/source-list.controller.ts';
import { SourceRows } from './operations/ops/source-rows.ts';
import { LooksController } from './operations/ops/looks.controller.ts';
import { RecallsController } from './operations/ops/recalls.controller.ts';
import { TimelineController } from './operations/ops/timeline.controller.ts';
import { SloController } from './operations/ops/slo.controller.ts';
import { fileRows } from './projections/file-rows.ts';
import { SUBSCRIPTIONS } from './subscriptions.ts';

/**
 * The projections that attribution runs: the facts that every service reads, the disclosures, the service levels,
 * the freshness of feeds, the notices that are due, the counts of the monthly page, and what each app was refused.
 */
const PROJECTIONS = [...FACTS_PROJECTIONS, history, fileRows, disclosures, serviceLevels, freshness, notices, evidence];
/**
 * The same beside processes of the release before, which read the former versions of some views (ADR 0037).
 * @until 0.3.0
 */
export const PROJECTIONS_BESIDE_OTHERS = [...PROJECTIONS, ...FORMER_PROJECTIONS];

/** Coverage, attribution, Groups and the network; what operators ask about decisions. */
/** Bytes: the forecast of a network file has all its changes in one request. */
const FORECAST_LIMIT = 16 * 1024 * 1024;

/** What answers questions about the past. */
const pastOf = ({ ports: { views, log } }: ServiceRuntime): readonly FactoryProvider[] => [
  {
    provide: FactsHistory,
    inject: [Facts],
    useFactory: ({ parties }: Facts) => new FactsHistory({ views, parties, log }),
  },
  {
    provide: SeenHistory,
    inject: [Facts, FactsHistory],
    useFactory: ({ parties }: Facts, past: FactsHistory) => new SeenHistory({ history: past, views, log, parties }),
  },
];
/** The imports of files by people, which are a background job too. */
const importRunsOf = ({ ports }: ServiceRuntime, { sandbox }: AttributionConfig): FactoryProvider => ({
  provide: ImportRuns,
  inject: [Facts, SourceRows, Forecast, NetworkForecast],
  useFactory: ({ access }: Facts, rows: SourceRows, forecast: Forecast, network: NetworkForecast) =>
    new ImportRuns(ports, { access, answers: { rows, forecast, network }, sandbox }),
});
/** Questions of auditors: about decisions of now and of the past, and about the audit. */
const OF_AUDITORS = [
  ExplainController,
  ExplainListsController,
  TimelineController,
  DisclosuresController,
  AuditEventController,
  VerificationController,
];

/** What the operations of people ask. Each takes only what Nest provides. */
const ANSWERS = [
  ServiceLevels,
  SourceRows,
  Forecast,
  NetworkForecast,
  NewLabels,
  DueNotices,
  ListDemands,
  GroupFunnel,
  LabelSimulator,
  Attestations,
  Evidence,
  VisibleMembers,
];

@Module({})
export class AttributionModule {
  constructor(@Inject(HttpAdapterHost) host: HttpAdapterHost) {
    // In the constructor, because Nest registers the routes before it calls the lifecycle hooks of a module.
    host.httpAdapter.getInstance<FastifyInstance>().addHook('onRoute', (route) => {
      if (route.url.endsWith('/forecast')) route.bodyLimit = FORECAST_LIMIT;
    });
  }
  static register(runtime: ServiceRuntime, config: AttributionConfig): DynamicModule {
    const { views, clock } = runtime.ports;
    putInForce(config.codeLists, config.labels);
    return {
      module: AttributionModule,
      imports: [
        ServiceModule.forRoot(runtime, {
          name: 'attribution',
          facts: { boundMs: config.boundMs, holdsUntilNotice: config.holdsUntilNotice },
          publicUrl: config.publicUrl,
          projections: runtime.presence === undefined ? PROJECTIONS : PROJECTIONS_BESIDE_OTHERS,
          jobs: [AuditChain, ImportRuns],
          consumers: (get) => [
            consumer(SUBSCRIPTIONS.members, get(MemberEventsIntake)),
            consumer(SUBSCRIPTIONS.providers, get(ProviderEventsIntake)),
            // What operators decided about dead letters of both topics.
            { ...SUBSCRIPTIONS.deadLetters, handle: (batch) => get(MemberEventsIntake).resolved(batch) },
          ],
        }),
      ],
      controllers: [
        GroupSearchController,
        GroupReadController,
        ExportWithoutGroupController,
        MisroutedExportController,
        ...OF_AUDITORS,
        SloController,
        LooksController,
        RecallsController,
        SourcesController,
        SourceListController,
        ImportsController,
        NoticesController,
        ListsController,
        LabelSimulationController,
        AttestationsController,
        AppUseController,
        EvidenceController,
        RefusalsController,
      ],
      providers: [
        { provide: CONFIG, useValue: config },
        MemberEventsIntake,
        ProviderEventsIntake,
        GroupView,
        { provide: AuditChain, useFactory: () => new AuditChain(runtime.ports) },
        {
          provide: PayerDirectory,
          inject: [Facts, LabelGate],
          useFactory: ({ parties }: Facts, labels: LabelGate) => new PayerDirectory(views, parties, labels),
        },
        ...pastOf(runtime),
        {
          provide: GroupLists,
          inject: [Facts],
          useFactory: ({ parties }: Facts) =>
            new GroupLists({ views, parties, claims: runtime.ports.state.claims, clock }),
        },
        {
          provide: ListHeads,
          inject: [Facts, PayerDirectory],
          useFactory: ({ parties }: Facts, payers: PayerDirectory) =>
            new ListHeads({ views, parties, directory: payers }, config),
        },
        WithheldPatients,
        GroupFilters,
        importRunsOf(runtime, config),
        {
          provide: LabelGate,
          inject: [Facts],
          useFactory: ({ reader: members }: Facts) =>
            new LabelGate({ policy: config.labels, records: new RecordsReader(views), members, clock }),
        },
        ...ANSWERS,
      ],
    };
  }
}
