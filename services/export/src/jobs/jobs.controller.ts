import { Controller, Inject } from '@nestjs/common';
import { Payload } from '@nestjs/microservices';
import { typeOf } from '@provider-access/events';
import type { Batch } from '@provider-access/engines/log';
import { OnBatch } from '@provider-access/engines/log/transport';
import { OF_THE_STREAM } from '../projections/export-jobs.ts';
import { SUBSCRIPTIONS } from '../subscriptions.ts';
import { AnsweredLevels } from './answered-levels.ts';
import { ExportWork } from './export-work.ts';

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
      if (OF_THE_STREAM.has(type)) await this.work.follow(record.key, type!);
    }
  }

  /** A consumer group of its own, so that the next step of a job does not wait for the measurement. */
  @OnBatch(SUBSCRIPTIONS.levels)
  measure(@Payload() batch: Batch): Promise<void> {
    return this.levels.handle(batch);
  }
}
