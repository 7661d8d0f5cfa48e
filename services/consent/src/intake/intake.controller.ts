import { Controller, Inject } from '@nestjs/common';
import { Payload } from '@nestjs/microservices';
import { type DeadLetterDiscarded, PA_CONSENT } from '@provider-access/events';
import type { Batch, NewRecord } from '@provider-access/eventlog';
import { OnAssigned, OnBatch } from '@provider-access/eventlog/transport';
import { instant, PORTS, type ServicePorts } from '@provider-access/http';
import { SUBSCRIPTIONS } from '../subscriptions.ts';
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

  @OnBatch(SUBSCRIPTIONS.payer)
  payerEvents(@Payload() batch: Batch): Promise<void> {
    return this.intake.handle(batch);
  }
  @OnAssigned(SUBSCRIPTIONS.payer)
  partitions(): void {
    this.intake.assigned();
  }

  /** A dead letter that somebody discarded no longer denies. */
  @OnBatch(SUBSCRIPTIONS.deadLetters)
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
