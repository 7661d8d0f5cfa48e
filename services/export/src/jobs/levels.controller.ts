import { Controller, Inject } from '@nestjs/common';
import { Payload } from '@nestjs/microservices';
import type { Batch } from '@provider-access/eventlog';
import { OnBatch } from '@provider-access/eventlog/transport';
import { SUBSCRIPTIONS } from '../subscriptions.ts';
import { AnsweredLevels } from './answered-levels.ts';

/** A group of its own: what a job does next does not wait for how it is measured. */
@Controller()
export class LevelsController {
  private readonly levels: AnsweredLevels;
  constructor(@Inject(AnsweredLevels) levels: AnsweredLevels) {
    this.levels = levels;
  }

  @OnBatch(SUBSCRIPTIONS.levels)
  handle(@Payload() batch: Batch): Promise<void> {
    return this.levels.handle(batch);
  }
}
