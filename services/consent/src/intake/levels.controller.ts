import { Controller, Inject } from '@nestjs/common';
import { Payload } from '@nestjs/microservices';
import type { Batch } from '@provider-access/engines/log';
import { OnBatch } from '@provider-access/engines/log/transport';
import { SUBSCRIPTIONS } from '../subscriptions.ts';
import { EffectiveLevels } from './effective-levels.ts';

/** Measures published opt-outs until they have effect. */
@Controller()
export class LevelsController {
  constructor(@Inject(EffectiveLevels) private readonly levels: EffectiveLevels) {}

  @OnBatch(SUBSCRIPTIONS.levels)
  handle(@Payload() batch: Batch): Promise<void> {
    return this.levels.handle(batch);
  }
}
