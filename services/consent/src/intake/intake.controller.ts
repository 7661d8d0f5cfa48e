import { Controller, Inject } from '@nestjs/common';
import { Payload } from '@nestjs/microservices';
import type { Batch } from '@provider-access/engines/log';
import { OnAssigned, OnBatch } from '@provider-access/engines/log/transport';
import { SUBSCRIPTIONS } from '../subscriptions.ts';
import { ConsentEventsIntake } from './consent-events.ts';
import { EffectiveLevels } from './effective-levels.ts';

/** The topics that consent consumes, by consumer group. */
@Controller()
export class IntakeController {
  constructor(
    @Inject(ConsentEventsIntake) private readonly intake: ConsentEventsIntake,
    @Inject(EffectiveLevels) private readonly levels: EffectiveLevels,
  ) {}

  @OnBatch(SUBSCRIPTIONS.payer)
  payerEvents(@Payload() batch: Batch): Promise<void> {
    return this.intake.handle(batch);
  }
  @OnAssigned(SUBSCRIPTIONS.payer)
  partitions(): void {
    this.intake.assigned();
  }

  /** What operators decided about dead letters: it may end holds. */
  @OnBatch(SUBSCRIPTIONS.deadLetters)
  deadLetters(@Payload() batch: Batch): Promise<void> {
    return this.intake.resolved(batch);
  }

  /** Measures published opt-outs until they have effect. */
  @OnBatch(SUBSCRIPTIONS.levels)
  measure(@Payload() batch: Batch): Promise<void> {
    return this.levels.handle(batch);
  }
}
