import { type DynamicModule, Inject, Module, type OnModuleInit } from '@nestjs/common';
import { LevelLedger } from '@provider-access/levels';
import { consumer, ServiceModule, type ServiceRuntime } from '@provider-access/process/service-module';
import { CONFIG, type ConsentConfig } from './config.ts';
import { ConsentEventsIntake } from './intake/consent-events.ts';
import { EffectiveLevels } from './intake/effective-levels.ts';
import { SUBSCRIPTIONS } from './subscriptions.ts';

export interface ConsentOptions extends ServiceRuntime {
  readonly config: ConsentConfig;
}

/** Opt-outs and opt-ins of members. */
@Module({})
export class ConsentModule implements OnModuleInit {
  constructor(@Inject(EffectiveLevels) private readonly levels: EffectiveLevels) {}

  static register({ config, ...runtime }: ConsentOptions): DynamicModule {
    const { log, clock, metrics } = runtime.ports;
    return {
      module: ConsentModule,
      imports: [
        ServiceModule.forRoot(runtime, {
          name: 'consent',
          facts: { boundMs: config.boundMs },
          consumers: (get) => [
            consumer(SUBSCRIPTIONS.payer, get(ConsentEventsIntake)),
            // What operators decided about dead letters: it may end holds.
            { ...SUBSCRIPTIONS.deadLetters, handle: (batch) => get(ConsentEventsIntake).resolved(batch) },
            consumer(SUBSCRIPTIONS.levels, get(EffectiveLevels)),
          ],
        }),
      ],
      providers: [
        { provide: CONFIG, useValue: config },
        ConsentEventsIntake,
        EffectiveLevels,
        {
          provide: LevelLedger,
          useFactory: () =>
            new LevelLedger({ log, clock, metrics, service: 'consent', objectives: ['opt-out-effective'] }),
        },
      ],
    };
  }

  async onModuleInit(): Promise<void> {
    await this.levels.start();
  }
}
