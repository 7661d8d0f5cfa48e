import { type DomainEvent, networkStatusChanged, type NetworkStatusRecorded, PA_PROVIDERS, payerEvent, providerKeys } from '@provider-access/events';
import { type Batch, deadLetterId, Derivation, type NewRecord, type OutcomeRow, park, parked } from '@provider-access/eventlog';
import { checkInbound, derivedEventId, derivedRecord, type Facts, readInbound } from '@provider-access/facts';
import { instant, type ServicePorts } from '@provider-access/http';
import { instantOf, startOf } from '../domain/dates.ts';
import { DERIVER } from './member-events.ts';

const TYPE = 'payer.network-status-changed.v1';
const { schema } = payerEvent(TYPE)!;

/** payer.provider-events -> pa.providers: who is in network since when, by NPI and by TIN. */
export class ProviderEventsIntake {
  private readonly ports: ServicePorts;
  private readonly facts: Facts;
  private readonly derivation: Derivation;
  constructor(ports: ServicePorts, facts: Facts) {
    this.ports = ports;
    this.facts = facts;
    this.derivation = new Derivation({ log: ports.log, deriver: DERIVER, progressTopic: PA_PROVIDERS, now: () => ports.clock.now() });
  }

  async handle(batch: Batch): Promise<void> {
    const outcomes: OutcomeRow[] = [];
    const letters: NewRecord[] = [];
    const changes = new Map<string, NewRecord>();
    for (const record of batch.records) {
      const inbound = readInbound(record, (type) => type === TYPE, [TYPE]);
      if (inbound === undefined || inbound.undecodable === true) continue;
      const receipt = inbound.event?.extensions?.['pareceipt'] ?? record.headers['ce_pareceipt'];
      const checked = inbound.event === undefined ? { ok: false as const, fault: inbound.fault } : checkInbound(inbound.event, schema, this.ports.clock.now());
      if (!checked.ok) {
        const { reason, detail } = checked.fault;
        letters.push(park(batch, record, reason, detail, DERIVER, instant(record.timestamp)));
        outcomes.push({ receipt, event: inbound.event?.id ?? record.headers['ce_id'] ?? '', outcome: 'parked', reason, deadLetter: deadLetterId(batch.topic, batch.partition, record.offset), about: TYPE });
        continue;
      }
      const event = inbound.event!;
      const news = this.derive(event, instant(record.timestamp)).filter(({ id }) => !changes.has(id));
      for (const { id, record: change } of news) changes.set(id, change);
      outcomes.push({ receipt, event: event.id, outcome: news.length > 0 ? 'recorded' : 'unchanged', ...(news.length === 0 && { about: TYPE }) });
    }
    await this.derivation.complete(batch, { outputs: [parked(batch, letters), { topic: PA_PROVIDERS, records: [...changes.values()] }], outcomes });
  }

  /** One event a provider identifier, without those that are known to be recorded. */
  private derive(event: DomainEvent, at: string): readonly { readonly id: string; readonly record: NewRecord }[] {
    const { npi, tin, status, from } = networkStatusChanged.parse(event.data);
    return providerKeys({ npi, tin }).filter((provider) => !this.facts.parties.knowsNetworkEvent(provider, derivedEventId(event, provider))).map((provider) => {
      const data: NetworkStatusRecorded = { provider, status, from: startOf(from), businessTime: instantOf(event.time) };
      return { id: derivedEventId(event, provider), record: derivedRecord({ deriver: DERIVER, type: 'pa.network-status-recorded.v1', subject: provider, cause: event, at, data }) };
    });
  }
}
