import { Controller, Inject } from '@nestjs/common';
import { Payload } from '@nestjs/microservices';
import { EXPORT_EVENTS, typeOf } from '@provider-access/events';
import type { Batch } from '@provider-access/engines/log';
import { OnBatch } from '@provider-access/engines/log/transport';
import { SUBSCRIPTIONS } from '../subscriptions.ts';
import { AnsweredLevels } from './answered-levels.ts';
import { ExportWork } from './export-work.ts';

const STEPS = new Set<string | undefined>(
  Object.keys(EXPORT_EVENTS).filter((type) => type !== 'pa.export-downloaded.v1'),
);

/** Consumes the events of jobs, by consumer group. */
@Controller()
export class JobsController {
  constructor(
    @Inject(ExportWork) private readonly work: ExportWork,
    @Inject(AnsweredLevels) private readonly levels: AnsweredLevels,
  ) {}

  /** Turns an event of a job into its next work item. Items are idempotent, so a redelivery changes nothing. */
  @OnBatch(SUBSCRIPTIONS.work)
  async follow(@Payload() batch: Batch): Promise<void> {
    for (const record of batch.records) {
      const type = typeOf(record);
      if (STEPS.has(type)) await this.work.follow(record.key, type!);
    }
  }

  /** A consumer group of its own, so that the next step of a job does not wait for the measurement. */
  @OnBatch(SUBSCRIPTIONS.levels)
  measure(@Payload() batch: Batch): Promise<void> {
    return this.levels.handle(batch);
  }
}
