import { Controller, Inject } from '@nestjs/common';
import { Payload } from '@nestjs/microservices';
import type { Batch } from '@provider-access/engines/log';
import { OnBatch } from '@provider-access/engines/log/transport';
import { SUBSCRIPTIONS } from '../subscriptions.ts';
import { AnsweredLevels } from './answered-levels.ts';

/** A consumer group of its own, so that the next step of a job does not wait for the measurement. */
@Controller()
export class LevelsController {
  constructor(@Inject(AnsweredLevels) private readonly levels: AnsweredLevels) {}

  @OnBatch(SUBSCRIPTIONS.levels)
  handle(@Payload() batch: Batch): Promise<void> {
    return this.levels.handle(batch);
  }
}
