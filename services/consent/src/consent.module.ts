import { type DynamicModule, Inject, Module, type OnApplicationShutdown, type OnModuleInit } from '@nestjs/common';
import { LevelLedger } from '@provider-access/audit';
import { Facts, type PresenceOptions } from '@provider-access/facts';
import { PORTS, READINESS, type ReadinessCheck, type ServicePorts } from '@provider-access/service/http';
import type { MemberHash } from '@provider-access/service/observability';
import { PayerDays } from '@provider-access/domain/pdex/days';
import { BusinessCalendar, type CalendarRules } from '@provider-access/domain/pdex/service-levels';
import type { ConsentConfig } from './config.ts';
import { ConsentEventsIntake } from './intake/consent-events.ts';
import { EffectiveLevels } from './intake/effective-levels.ts';
import { IntakeController } from './intake/intake.controller.ts';
import { LevelsController } from './intake/levels.controller.ts';

export interface ConsentOptions {
  readonly ports: ServicePorts;
  readonly config: ConsentConfig;
  /** Hashes members as log lines name them. */
  readonly memberHash?: MemberHash;
  /** Needed if several processes decide. */
  readonly presence?: PresenceOptions;
  /** The calendar by whose days opt-outs are counted. */
  readonly calendar?: CalendarRules;
  /** How dates of events are read. Default: days begin in UTC+14 or UTC-12. */
  readonly days?: PayerDays;
}

@Module({})
export class ConsentModule implements OnModuleInit, OnApplicationShutdown {
  private readonly facts: Facts;
  private readonly intake: ConsentEventsIntake;
  private readonly levels: EffectiveLevels;
  constructor(
    @Inject(Facts) facts: Facts,
    @Inject(ConsentEventsIntake) intake: ConsentEventsIntake,
    @Inject(EffectiveLevels) levels: EffectiveLevels,
  ) {
    this.facts = facts;
    this.intake = intake;
    this.levels = levels;
  }

  static register({
    ports: given,
    config,
    presence,
    memberHash,
    calendar,
    days = new PayerDays(),
  }: ConsentOptions): DynamicModule {
    const ports: ServicePorts = { ...given, ...(memberHash !== undefined && { memberHash }) };
    const { log, views, clock, logger, metrics } = ports;
    const facts = new Facts({
      log,
      views,
      clock,
      metrics,
      logger,
      service: 'consent',
      boundMs: config.FACTS_BOUND_MS,
      presence,
    });
    const readiness: ReadinessCheck[] = [{ name: 'consent.facts', check: async () => facts.check() }];
    return {
      module: ConsentModule,
      controllers: [IntakeController, LevelsController],
      providers: [
        { provide: PORTS, useValue: ports },
        { provide: Facts, useValue: facts },
        {
          provide: EffectiveLevels,
          useValue: new EffectiveLevels({
            ledger: new LevelLedger({ log, clock, metrics, service: 'consent', objectives: ['opt-out-effective'] }),
            facts,
            log,
            claims: ports.state.claims,
            clock,
            calendar: new BusinessCalendar(calendar),
          }),
        },
        {
          provide: ConsentEventsIntake,
          useValue: new ConsentEventsIntake(ports, facts, config.UNREADABLE_CONSENT, days),
        },
        { provide: READINESS, useValue: readiness },
      ],
    };
  }

  async onModuleInit(): Promise<void> {
    await this.levels.start();
    await this.facts.start();
  }
  async onApplicationShutdown(): Promise<void> {
    this.intake.stop();
    await this.facts.stop();
  }
}
