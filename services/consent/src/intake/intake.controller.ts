import { Controller, Inject } from '@nestjs/common';
import { Payload } from '@nestjs/microservices';
import type { Batch } from '@provider-access/engines/log';
import { OnAssigned, OnBatch } from '@provider-access/engines/log/transport';
import { SUBSCRIPTIONS } from '../subscriptions.ts';
import { ConsentEventsIntake } from './consent-events.ts';

/** The topics that consent consumes, by consumer group. */
@Controller()
export class IntakeController {
  constructor(@Inject(ConsentEventsIntake) private readonly intake: ConsentEventsIntake) {}

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
}
