import { type DeadLetterDiscarded, PA_ATTRIBUTION, PA_PROVIDERS } from '@provider-access/events';
import type { Batch, NewRecord } from '@provider-access/eventlog';
import { AccessHolds } from '@provider-access/facts';
import { instant, type ServicePorts } from '@provider-access/http';
import { DERIVER, releasedRecord } from './holds.ts';

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
    const ofProviders = (record: NewRecord): boolean => record.key.startsWith('release/');
    for (const [topic, records] of [[PA_ATTRIBUTION, released.filter((r) => !ofProviders(r))], [PA_PROVIDERS, released.filter(ofProviders)]] as const) if (records.length > 0) await this.ports.log.append(topic, records);
  }
}
