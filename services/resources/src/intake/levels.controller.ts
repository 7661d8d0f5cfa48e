import { Controller, Inject } from '@nestjs/common';
import { Payload } from '@nestjs/microservices';
import type { Batch } from '@provider-access/engines/log';
import { OnBatch } from '@provider-access/engines/log/transport';
import { SUBSCRIPTIONS } from '../subscriptions.ts';
import { VisibleLevels } from './visible-levels.ts';

/** Consumes the starts of claims that intake has recorded, to measure when the claims become visible. */
@Controller()
export class LevelsController {
  constructor(@Inject(VisibleLevels) private readonly levels: VisibleLevels) {}

  @OnBatch(SUBSCRIPTIONS.levels)
  handle(@Payload() batch: Batch): Promise<void> {
    return this.levels.handle(batch);
  }
}
