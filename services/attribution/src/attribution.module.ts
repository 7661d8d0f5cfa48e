import { type DynamicModule, Inject, Module, type OnApplicationShutdown, type OnModuleInit } from '@nestjs/common';
import { HttpAdapterHost } from '@nestjs/core';
import type { FastifyInstance } from 'fastify';
import { Audit, disclosures, LevelLedger, serviceLevels } from '@provider-access/audit';
import { Facts, FACTS_PROJECTIONS, type PresenceOptions } from '@provider-access/facts';
import {
  PORTS,
  measureViews,
  READINESS,
  type ReadinessCheck,
  type ServicePorts,
  viewsController,
} from '@provider-access/service/http';
import {
  AccessTokens,
  Authenticator,
  publishedKeys,
  SMART,
  SmartGuard,
  STATIC_TOKENS,
  type StaticTokens,
  StaticTokenGuard,
} from '@provider-access/smart';
import { MEMBER_HASH, MemberHash } from '@provider-access/service/observability';
import { PayerDays } from '@provider-access/domain/pdex/days';
import { BusinessCalendar, type CalendarRules } from '@provider-access/domain/pdex/service-levels';
import { ProjectionSet } from '@provider-access/engines/views';
import type { AttributionConfig } from './config.ts';
import { payerIdentity } from './domain/payer-identity.ts';
import { IntakeController } from './intake/intake.controller.ts';
import { MemberEventsIntake } from './intake/member-events.ts';
import { ProviderEventsIntake } from './intake/provider-events.ts';
import { GroupReadController } from './operations/group/read.controller.ts';
import { GroupSearchController } from './operations/group/search-type.controller.ts';
import { GroupView } from './operations/group/group-view.ts';
import { DisclosuresController } from './operations/ops/disclosures.controller.ts';
import { ExplainController } from './operations/ops/explain.controller.ts';
import { ServiceLevels } from './operations/ops/service-levels.ts';
import { SloController } from './operations/ops/slo.controller.ts';
import { CONFIG, PROJECTIONS } from './tokens.ts';

export interface AttributionOptions {
  readonly ports: ServicePorts;
  readonly config: AttributionConfig;
  readonly staticTokens: StaticTokens;
  /** Hashes members as log lines name them, for an operator who explains a decision. */
  readonly memberHash?: MemberHash;
  /** Needed if several processes decide. */
  readonly presence?: PresenceOptions;
  /** The calendar that judges open requests. */
  readonly calendar?: CalendarRules;
  /** How dates of events are read. Default: days begin in UTC+14 or UTC-12. */
  readonly days?: PayerDays;
}

/**
 * The projections that attribution runs: the facts that every service reads, the disclosures, and the service levels.
 */
export const PROJECTIONS_RUN = [...FACTS_PROJECTIONS, disclosures, serviceLevels];

@Module({})
export class AttributionModule implements OnModuleInit, OnApplicationShutdown {
  private readonly projections: ProjectionSet;
  private readonly facts: Facts;
  private readonly adapter: HttpAdapterHost;
  constructor(
    @Inject(PROJECTIONS) projections: ProjectionSet,
    @Inject(Facts) facts: Facts,
    @Inject(HttpAdapterHost) adapter: HttpAdapterHost,
  ) {
    this.projections = projections;
    this.facts = facts;
    this.adapter = adapter;
  }

  static register(options: AttributionOptions): DynamicModule {
    const { config, memberHash = MemberHash.random(), days = new PayerDays() } = options;
    const ports: ServicePorts = { ...options.ports, memberHash };
    const { log, views, clock, logger, metrics } = ports;
    const facts = new Facts({
      log,
      views,
      clock,
      metrics,
      logger,
      service: 'attribution',
      boundMs: config.FACTS_BOUND_MS,
      presence: options.presence,
    });
    const projections = new ProjectionSet({ log, views, projections: PROJECTIONS_RUN, logger });
    measureViews(ports.metrics, projections);
    const audit = new Audit({ log, clock, metrics, source: 'urn:provider-access:attribution', tracing: ports.tracing });
    return {
      module: AttributionModule,
      controllers: [
        IntakeController,
        GroupSearchController,
        GroupReadController,
        ExplainController,
        DisclosuresController,
        SloController,
        viewsController('attribution', StaticTokenGuard('administrator')),
      ],
      providers: [
        { provide: PORTS, useValue: ports },
        { provide: CONFIG, useValue: config },
        { provide: Facts, useValue: facts },
        { provide: PROJECTIONS, useValue: projections },
        { provide: ProjectionSet, useExisting: PROJECTIONS },
        {
          provide: SMART,
          useValue: new Authenticator(
            new AccessTokens({ keys: publishedKeys(facts.parties), publicUrl: config.PUBLIC_URL, clock, metrics }),
            facts.parties,
          ),
        },
        { provide: STATIC_TOKENS, useValue: options.staticTokens },
        { provide: Audit, useValue: audit },
        {
          provide: ServiceLevels,
          useFactory: () =>
            new ServiceLevels({
              log,
              views,
              facts,
              clock,
              metrics,
              calendar: new BusinessCalendar(options.calendar),
              ledger: new LevelLedger({ log, clock, metrics, service: 'attribution' }),
            }),
        },
        { provide: MEMBER_HASH, useValue: memberHash },
        { provide: GroupView, useValue: new GroupView(ports, facts, config) },
        {
          provide: MemberEventsIntake,
          useValue: new MemberEventsIntake(ports, facts, config.UNREADABLE_CONSENT, {
            days,
            payer: payerIdentity(config.PAYER_IDENTIFIERS, config.PAYER_ORGANIZATION),
          }),
        },
        {
          provide: ProviderEventsIntake,
          useValue: new ProviderEventsIntake(ports, facts, config.UNREADABLE_CONSENT, days),
        },
        SmartGuard,
        { provide: READINESS, useValue: readiness(facts, projections) },
      ],
    };
  }

  async onModuleInit(): Promise<void> {
    takeBytes(this.adapter.httpAdapter.getInstance<FastifyInstance>());
    await this.projections.start();
    await this.facts.start();
  }
  async onApplicationShutdown(): Promise<void> {
    await this.facts.stop();
    await this.projections.stop();
  }
}

/**
 * No route here has a body. So no request gets an error about its media type before the router answers that the path is
 * unknown.
 */
function takeBytes(fastify: FastifyInstance): void {
  fastify.removeAllContentTypeParsers();
  fastify.addContentTypeParser('*', { parseAs: 'buffer' }, (_request, body, done) => done(null, body));
}

/** If an intake stands still, the facts grow old, because what it does not handle is never confirmed. */
function readiness(facts: Facts, projections: ProjectionSet): ReadinessCheck[] {
  return [
    { name: 'attribution.facts', check: async () => facts.check() },
    {
      name: 'attribution.views',
      check: () => projections.check(),
    },
  ];
}
