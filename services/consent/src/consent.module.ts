import { type DynamicModule, Inject, Module, type OnApplicationShutdown, type OnModuleInit } from '@nestjs/common';
import { Facts, type PresenceOptions } from '@provider-access/facts';
import { PORTS, READINESS, type ReadinessCheck, type ServicePorts } from '@provider-access/http';
import type { MemberHash } from '@provider-access/observability';
import type { ConsentConfig } from './config.ts';
import { ConsentEventsIntake } from './intake/consent-events.ts';
import { IntakeController } from './intake/intake.controller.ts';

export interface ConsentOptions {
  readonly ports: ServicePorts;
  readonly config: ConsentConfig;
  /** How log lines name members. */
  readonly memberHash?: MemberHash;
  /** Where several processes decide. */
  readonly presence?: PresenceOptions;
}

@Module({})
export class ConsentModule implements OnModuleInit, OnApplicationShutdown {
  private readonly facts: Facts;
  private readonly intake: ConsentEventsIntake;
  constructor(@Inject(Facts) facts: Facts, @Inject(ConsentEventsIntake) intake: ConsentEventsIntake) {
    this.facts = facts;
    this.intake = intake;
  }

  static register({ ports: given, config, presence, memberHash }: ConsentOptions): DynamicModule {
    const ports: ServicePorts = { ...given, ...(memberHash !== undefined && { memberHash }) };
    const { log, views, clock, metrics } = ports;
    const facts = new Facts({ log, views, clock, metrics, service: 'consent', boundMs: config.FACTS_BOUND_MS, presence });
    const readiness: ReadinessCheck[] = [{ name: 'consent.facts', check: async () => facts.check() }];
    return {
      module: ConsentModule,
      controllers: [IntakeController],
      providers: [
        { provide: PORTS, useValue: ports },
        { provide: Facts, useValue: facts },
        { provide: ConsentEventsIntake, useValue: new ConsentEventsIntake(ports, facts) },
        { provide: READINESS, useValue: readiness },
      ],
    };
  }

  async onModuleInit(): Promise<void> {
    await this.facts.start();
  }
  async onApplicationShutdown(): Promise<void> {
    this.intake.stop();
    await this.facts.stop();
  }
}
