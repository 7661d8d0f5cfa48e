import { type DeadLetterDiscarded, PA_ATTRIBUTION } from '@provider-access/events';
import type { Batch, NewRecord } from '@provider-access/eventlog';
import { AccessHolds } from '@provider-access/facts';
import { instant, type ServicePorts } from '@provider-access/http';
import { DERIVER, releasedRecord } from './member-events.ts';

/** A dead letter that somebody discarded no longer denies. */
export class DeadLettersIntake {
  private readonly ports: ServicePorts;
  private readonly holds: AccessHolds;
  constructor(ports: ServicePorts) {
    this.ports = ports;
    this.holds = new AccessHolds(ports.state.claims, DERIVER);
  }
  async handle(batch: Batch): Promise<void> {
    const released: NewRecord[] = [];
    for (const record of batch.records) {
      if (record.headers['ce_type'] !== 'pa.dead-letter-discarded.v1') continue;
      const { deadLetter } = JSON.parse(new TextDecoder().decode(record.value)) as DeadLetterDiscarded;
      const hold = await this.holds.find(deadLetter);
      if (hold !== undefined) released.push(releasedRecord(hold, instant(record.timestamp)));
    }
    if (released.length > 0) await this.ports.log.append(PA_ATTRIBUTION, released);
  }
}
