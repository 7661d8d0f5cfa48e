import { type DeadLetterDiscarded, PA_ATTRIBUTION, PA_PROVIDERS } from '@provider-access/events';
import type { Batch } from '@provider-access/eventlog';
import { instant, type ServicePorts } from '@provider-access/http';
import { AccessHolds, type Output } from '@provider-access/intake';
import { DERIVER, releasedOutputs } from './holds.ts';

/** A dead letter that somebody discarded no longer denies. */
export class DeadLettersIntake {
  private readonly ports: ServicePorts;
  private readonly holds: AccessHolds;
  constructor(ports: ServicePorts) {
    this.ports = ports;
    this.holds = new AccessHolds(ports.state.claims, DERIVER);
  }
  async handle(batch: Batch): Promise<void> {
    const released: Output[] = [];
    for (const record of batch.records) {
      if (record.headers['ce_type'] !== 'pa.dead-letter-discarded.v1') continue;
      const { deadLetter } = JSON.parse(new TextDecoder().decode(record.value)) as DeadLetterDiscarded;
      const hold = await this.holds.find(deadLetter);
      if (hold !== undefined) released.push(...(await releasedOutputs(hold, instant(record.timestamp))));
    }
    for (const topic of [PA_ATTRIBUTION, PA_PROVIDERS]) {
      const records = released.filter((output) => output.topic === topic).map(({ record }) => record);
      if (records.length > 0) await this.ports.log.append(topic, records);
    }
  }
}
