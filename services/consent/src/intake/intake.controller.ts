import { Controller, Inject } from '@nestjs/common';
import { EventPattern, Payload } from '@nestjs/microservices';
import { type DeadLetterDiscarded, deadLetterTopic, PA_CONSENT, PAYER_MEMBER_EVENTS } from '@provider-access/events';
import type { Batch, NewRecord } from '@provider-access/eventlog';
import { instant, PORTS, type ServicePorts } from '@provider-access/http';
import { ConsentEventsIntake } from './consent-events.ts';

/** What consent consumes, by consumer group. */
@Controller()
export class IntakeController {
  private readonly ports: ServicePorts;
  private readonly intake: ConsentEventsIntake;
  constructor(@Inject(PORTS) ports: ServicePorts, @Inject(ConsentEventsIntake) intake: ConsentEventsIntake) {
    this.ports = ports;
    this.intake = intake;
  }

  @EventPattern({ group: 'consent-intake', topics: [PAYER_MEMBER_EVENTS] })
  memberEvents(@Payload() batch: Batch): Promise<void> {
    return this.intake.handle(batch);
  }

  /** A dead letter that somebody discarded no longer denies. */
  @EventPattern({ group: 'consent-dead-letters', topics: [deadLetterTopic(PAYER_MEMBER_EVENTS)] })
  async deadLetters(@Payload() batch: Batch): Promise<void> {
    const released: NewRecord[] = [];
    for (const record of batch.records) {
      if (record.headers['ce_type'] !== 'pa.dead-letter-discarded.v1') continue;
      const { deadLetter } = JSON.parse(new TextDecoder().decode(record.value)) as DeadLetterDiscarded;
      released.push(...(await this.intake.release(deadLetter, instant(record.timestamp))));
    }
    if (released.length > 0) await this.ports.log.append(PA_CONSENT, released);
  }
}
