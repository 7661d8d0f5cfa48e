import { Controller, Inject } from '@nestjs/common';
import { Payload } from '@nestjs/microservices';
import { PAYER_MEMBER_EVENTS, PAYER_PROVIDER_EVENTS } from '@provider-access/events';
import type { Batch } from '@provider-access/eventlog';
import { OnAssigned, OnBatch } from '@provider-access/eventlog/transport';
import { RecordIntake } from './record-intake.ts';

const GROUP = 'resources-intake';
/** Deciding and writing so many holds the event loop up for a few milliseconds. */
const BATCH_EVENTS = 250;

/** Payer events in batches; a rejected promise pauses the partition and the batch comes again. */
@Controller()
export class IntakeController {
  private readonly intake: RecordIntake;
  constructor(@Inject(RecordIntake) intake: RecordIntake) {
    this.intake = intake;
  }

  @OnBatch({ group: GROUP, topics: [PAYER_MEMBER_EVENTS, PAYER_PROVIDER_EVENTS], maxRecords: BATCH_EVENTS })
  handle(@Payload() batch: Batch): Promise<void> {
    return this.intake.handle(batch);
  }

  @OnAssigned({ group: GROUP })
  assigned(): void {
    this.intake.reassigned();
  }
}
