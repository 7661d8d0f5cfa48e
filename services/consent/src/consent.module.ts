import { type DynamicModule, Module } from '@nestjs/common';
import { consumer, ServiceModule, type ServiceRuntime } from '@provider-access/process/service-module';
import { CONFIG, type ConsentConfig } from './config.ts';
import { ConsentEventsIntake } from './intake/consent-events.ts';
import { EffectiveLevels } from './intake/effective-levels.ts';
import { SUBSCRIPTIONS } from './subscriptions.ts';

/** Opt-outs and opt-ins of members. */
@Module({})
export class ConsentModule {
  static register(runtime: ServiceRuntime, config: ConsentConfig): DynamicModule {
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
      providers: [{ provide: CONFIG, useValue: config }, ConsentEventsIntake, EffectiveLevels],
    };
  }
}
