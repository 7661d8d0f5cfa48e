import { Controller, Inject } from '@nestjs/common';
import { Payload } from '@nestjs/microservices';
import type { Batch } from '@provider-access/engines/log';
import { OnAssigned, OnBatch } from '@provider-access/engines/log/transport';
import { SUBSCRIPTIONS } from '../subscriptions.ts';
import { RecordIntake } from './record-intake.ts';
import { VisibleLevels } from './visible-levels.ts';

/** Consumes payer events in batches. If a batch rejects, the consumer pauses the partition and delivers it again. */
@Controller()
export class IntakeController {
  constructor(
    @Inject(RecordIntake) private readonly intake: RecordIntake,
    @Inject(VisibleLevels) private readonly levels: VisibleLevels,
  ) {}

  @OnBatch(SUBSCRIPTIONS.intake)
  handle(@Payload() batch: Batch): Promise<void> {
    return this.intake.handle(batch);
  }

  @OnAssigned({ group: SUBSCRIPTIONS.intake.group })
  assigned(): void {
    this.intake.assigned();
  }

  /** Consumes the starts of claims that intake has recorded, to measure when the claims become visible. */
  @OnBatch(SUBSCRIPTIONS.levels)
  measure(@Payload() batch: Batch): Promise<void> {
    return this.levels.handle(batch);
  }
}
