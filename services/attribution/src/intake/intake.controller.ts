import { Controller, Inject } from '@nestjs/common';
import { Payload } from '@nestjs/microservices';
import type { Batch } from '@provider-access/engines/log';
import { OnAssigned, OnBatch } from '@provider-access/engines/log/transport';
import { SUBSCRIPTIONS } from '../subscriptions.ts';
import { MemberEventsIntake } from './member-events.ts';
import { ProviderEventsIntake } from './provider-events.ts';

/** The topics that attribution consumes, by consumer group. */
@Controller()
export class IntakeController {
  constructor(
    @Inject(MemberEventsIntake) private readonly members: MemberEventsIntake,
    @Inject(ProviderEventsIntake) private readonly providers: ProviderEventsIntake,
  ) {}

  @OnBatch(SUBSCRIPTIONS.members)
  memberEvents(@Payload() batch: Batch): Promise<void> {
    return this.members.handle(batch);
  }
  @OnBatch(SUBSCRIPTIONS.providers)
  providerEvents(@Payload() batch: Batch): Promise<void> {
    return this.providers.handle(batch);
  }
  /** What operators decided about dead letters of both topics. */
  @OnBatch(SUBSCRIPTIONS.deadLetters)
  resolvedDeadLetters(@Payload() batch: Batch): Promise<void> {
    return this.members.resolved(batch);
  }

  @OnAssigned(SUBSCRIPTIONS.members)
  memberPartitions(): void {
    this.members.assigned();
  }
  @OnAssigned(SUBSCRIPTIONS.providers)
  providerPartitions(): void {
    this.providers.assigned();
  }
}
