import { Controller, Inject } from '@nestjs/common';
import { Payload } from '@nestjs/microservices';
import type { Batch } from '@provider-access/engines/log';
import { OnAssigned, OnBatch } from '@provider-access/engines/log/transport';
import { SUBSCRIPTIONS } from '../subscriptions.ts';
import { RecordIntake } from './record-intake.ts';

/** Consumes payer events in batches. If a batch rejects, the consumer pauses the partition and delivers it again. */
@Controller()
export class IntakeController {
  constructor(@Inject(RecordIntake) private readonly intake: RecordIntake) {}

  @OnBatch(SUBSCRIPTIONS.intake)
  handle(@Payload() batch: Batch): Promise<void> {
    return this.intake.handle(batch);
  }

  @OnAssigned({ group: SUBSCRIPTIONS.intake.group })
  assigned(): void {
    this.intake.reassigned();
  }
}
