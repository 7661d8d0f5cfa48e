import { Controller, Inject } from '@nestjs/common';
import { EventPattern, Payload } from '@nestjs/microservices';
import { deadLetterTopic, PAYER_MEMBER_EVENTS, PAYER_PROVIDER_EVENTS } from '@provider-access/events';
import type { Batch } from '@provider-access/eventlog';
import { DeadLettersIntake } from './dead-letters.ts';
import { MemberEventsIntake } from './member-events.ts';
import { ProviderEventsIntake } from './provider-events.ts';

/** What attribution consumes, by consumer group. */
@Controller()
export class IntakeController {
  private readonly members: MemberEventsIntake;
  private readonly providers: ProviderEventsIntake;
  private readonly deadLetters: DeadLettersIntake;
  constructor(@Inject(MemberEventsIntake) members: MemberEventsIntake, @Inject(ProviderEventsIntake) providers: ProviderEventsIntake, @Inject(DeadLettersIntake) deadLetters: DeadLettersIntake) {
    this.members = members;
    this.providers = providers;
    this.deadLetters = deadLetters;
  }

  @EventPattern({ group: 'attribution-intake', topics: [PAYER_MEMBER_EVENTS] })
  memberEvents(@Payload() batch: Batch): Promise<void> {
    return this.members.handle(batch);
  }
  @EventPattern({ group: 'attribution-providers', topics: [PAYER_PROVIDER_EVENTS] })
  providerEvents(@Payload() batch: Batch): Promise<void> {
    return this.providers.handle(batch);
  }
  @EventPattern({ group: 'attribution-dead-letters', topics: [deadLetterTopic(PAYER_MEMBER_EVENTS)] })
  memberDeadLetters(@Payload() batch: Batch): Promise<void> {
    return this.deadLetters.handle(batch);
  }
}
