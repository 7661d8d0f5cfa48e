import { type DynamicModule, Inject, Module, type OnModuleInit, type Provider } from '@nestjs/common';
import type { Blobs } from '@provider-access/engines/blob';
import { ProjectionSet } from '@provider-access/engines/views';
import { Facts } from '@provider-access/facts';
import { putInForce } from '@provider-access/domain/pdex/labels';
import { LabelGate, MatchIndex, RecordsReader, VersionsReader } from '@provider-access/records';
import {
  type BackgroundJob,
  consumer,
  ServiceModule,
  type ServiceRuntime,
} from '@provider-access/process/service-module';
import { PORTS, READINESS, type ReadinessCheck, type ServicePorts } from '@provider-access/service/http';
import { operationsOf } from '@provider-access/service/operation';
import type { Secret } from '@provider-access/smart';
import { AttachmentStore } from './attachments/attachment-store.ts';
import { tidyingAttachments } from './attachments/tidy-attachments.ts';
import { CONFIG, RESOURCES_DEFAULTS, type ResourcesConfig } from './config.ts';
import { CorrectionCheck } from './intake/correction-check.ts';
import { intakeProviders } from './intake/intake.providers.ts';
import { RecordIntake } from './intake/record-intake.ts';
import { retiringAuthorizations } from './intake/retire-authorizations.ts';
import { VisibleLevels } from './intake/visible-levels.ts';
import { DeadLetterRuns } from './operations/dead-letters/dead-letter-runs.ts';
import { DeadLettersController } from './operations/dead-letters/dead-letters.controller.ts';
import { DeadLetterRunsController } from './operations/dead-letters/runs.controller.ts';
import { ConsentsController } from './operations/consents/consents.controller.ts';
import { CreateConsentController } from './operations/consents/create.controller.ts';
import { BinaryController } from './operations/binary/binary.controller.ts';
import { Carriers } from './operations/binary/carrier.ts';
import { DocrefController } from './operations/docref/docref.controller.ts';
import { EventAppender } from './operations/events/append-events.ts';
import { registerBodyParsers } from './operations/events/body-parsers.ts';
import { EventsController } from './operations/events/events.controller.ts';
import { FeedsController } from './operations/feeds/feeds.controller.ts';
import { MetadataController, OPERATIONS } from './operations/metadata/metadata.controller.ts';
import { HistoryController } from './operations/history/history.controller.ts';
import { VersionsOf } from './operations/history/versions-of.ts';
import { ResourceFinder } from './operations/find-resource.ts';
import { ReadController } from './operations/read/read.controller.ts';
import { FindMemberController } from './operations/members/find.controller.ts';
import { DueReviews } from './operations/reviews/due-reviews.ts';
import { ReviewsController } from './operations/reviews/reviews.controller.ts';
import { ReceiptsController } from './operations/receipts/receipts.controller.ts';
import { SearchMembers } from './operations/search/members.ts';
import { PageLinks } from './operations/search/page-links.ts';
import { SearchAnswer } from './operations/search/search-answer.ts';
import { SearchController } from './operations/search/search.controller.ts';
import { SystemExportController } from './operations/system-export/system-export.controller.ts';
import { deadLetters, measureDeadLetters } from './projections/dead-letters.ts';
import { Retagging } from './projections/retagging.ts';
import { expiringVersions } from './projections/expire-versions.ts';
import { PROJECTIONS, PROJECTIONS_BESIDE_OTHERS } from './projections/index.ts';
import { BATCH_EVENTS, SUBSCRIPTIONS } from './subscriptions.ts';

export interface ResourcesOptions extends ServiceRuntime {
  readonly config: Partial<ResourcesConfig> & Pick<ResourcesConfig, 'publicUrl'>;
  /** Keys of page links. The first key signs; all keys verify. */
  readonly pageKeys: Secret<readonly Buffer[]>;
  /** The store of large attachments. Without it they stay in their resources, and no Binary is found. */
  readonly blobs?: Blobs | undefined;
}
/** In the order of the interactions in the CapabilityStatement. */
export const CONTROLLERS = [
  EventsController,
  ReceiptsController,
  DeadLettersController,
  DeadLetterRunsController,
  FeedsController,
  ReviewsController,
  FindMemberController,
  MetadataController,
  SystemExportController,
  DocrefController,
  BinaryController,
  ConsentsController,
  CreateConsentController,
  ReadController,
  HistoryController,
  SearchController,
] as const;
/** Records in a transaction of a view. A request may wait for one transaction, so it must be short. */
const VIEW_BATCH = 250;
/**
 * Records in a batch of a view whose store is a server. Its writes stop no request, and each batch costs commands and
 * checkpoints of some ten views. So a batch has as many records as a batch of intake makes.
 */
const VIEW_BATCH_OF_SERVER = BATCH_EVENTS;

@Module({})
export class ResourcesModule implements OnModuleInit {
  constructor(
    @Inject(READINESS) private readonly checks: ReadinessCheck[],
    @Inject(RecordIntake) private readonly intake: RecordIntake,
    @Inject(PORTS) private readonly ports: ServicePorts,
  ) {}

  static register({ config: given, pageKeys, blobs, ...runtime }: ResourcesOptions): DynamicModule {
    const config: ResourcesConfig = { ...RESOURCES_DEFAULTS, ...given };
    putInForce(config.codeLists, config.labels);
    const { publicUrl, boundMs, holdsUntilNotice, pollMs } = config;
    const attachments = new AttachmentStore(blobs);
    const jobs = backgroundJobs(runtime.ports, config, attachments).map((useValue) => ({
      provide: Symbol('job'),
      useValue,
    }));
    return {
      module: ResourcesModule,
      imports: [
        ServiceModule.forRoot(runtime, {
          name: 'resources',
          facts: { boundMs, holdsUntilNotice, pollMs },
          publicUrl,
          projections: runtime.presence === undefined ? PROJECTIONS : PROJECTIONS_BESIDE_OTHERS,
          maxRecords: runtime.presence === undefined ? VIEW_BATCH : VIEW_BATCH_OF_SERVER,
          http: registerBodyParsers,
          jobs: [...jobs.map(({ provide }) => provide), Retagging, DeadLetterRuns],
          consumers: (get) => [
            consumer(SUBSCRIPTIONS.intake, get(RecordIntake)),
            consumer(SUBSCRIPTIONS.levels, get(VisibleLevels)),
          ],
        }),
      ],
      controllers: [...CONTROLLERS],
      providers: [
        { provide: CONFIG, useValue: config },
        { provide: OPERATIONS, useValue: operationsOf(CONTROLLERS) },
        { provide: PageLinks, useValue: new PageLinks(pageKeys) },
        { provide: AttachmentStore, useValue: attachments },
        ...jobs,
        {
          provide: DeadLetterRuns,
          inject: [CorrectionCheck],
          useFactory: (check: CorrectionCheck) => new DeadLetterRuns(runtime.ports, check),
        },
        {
          provide: Retagging,
          inject: [ProjectionSet],
          useFactory: (projections: ProjectionSet) =>
            new Retagging({ ...runtime.ports, projections, beside: runtime.presence !== undefined }),
        },
        ...providers(runtime.ports, config),
        ...intakeProviders(runtime.ports, config, attachments),
      ],
    };
  }

  onModuleInit(): void {
    const { metrics, views } = this.ports;
    measureDeadLetters(metrics, views.reader(deadLetters));
    this.checks.push({
      name: 'intake',
      check: async () => {
        const failure = this.intake.failure();
        return failure === undefined ? { ready: true } : { ready: false, detail: failure };
      },
    });
  }
}

function backgroundJobs(
  { log, views, state, clock, logger, metrics }: ServicePorts,
  { sandbox, authorizationRetentionMs: retentionMs, versionRetentionMs }: ResourcesConfig,
  attachments: AttachmentStore,
): readonly BackgroundJob[] {
  const [records, versions] = [new RecordsReader(views), new VersionsReader(views)];
  return [
    retiringAuthorizations({ log, views, clock, logger, metrics, retentionMs, sandbox }),
    expiringVersions({ views, clock, logger, retentionMs: versionRetentionMs }),
    ...(attachments.isOpen
      ? [tidyingAttachments({ attachments, records, versions, log, clock, logger, leases: state.leases })]
      : []),
  ];
}

function providers({ log, views, clock, metrics }: ServicePorts, config: ResourcesConfig): Provider[] {
  return [
    Carriers,
    DueReviews,
    ResourceFinder,
    SearchAnswer,
    SearchMembers,
    VersionsOf,
    { provide: RecordsReader, useFactory: () => new RecordsReader(views) },
    { provide: VersionsReader, useFactory: () => new VersionsReader(views) },
    {
      provide: LabelGate,
      inject: [RecordsReader, Facts, Retagging],
      useFactory: (records: RecordsReader, facts: Facts, retagging: Retagging) =>
        new LabelGate({
          ...{ policy: config.labels, records, members: facts.reader, clock },
          keysAreTagged: () => retagging.current,
        }),
    },
    {
      provide: MatchIndex,
      inject: [RecordsReader, Facts],
      useFactory: (records: RecordsReader, { reader: members }: Facts) =>
        new MatchIndex({ views, log, records, members, systems: [] }),
    },
    {
      provide: EventAppender,
      inject: [Facts],
      useFactory: (facts: Facts) => new EventAppender(log, facts.access, metrics, config.sandbox),
    },
  ];
}
