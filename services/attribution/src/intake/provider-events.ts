import { type DomainEvent, networkStatusChanged, type NetworkStatusRecorded, PA_ATTRIBUTION, PA_PROVIDERS, PAYER_EVENTS, payerEvent, providerKeys } from '@provider-access/events';
import { type Batch, deadLetterId, Derivation, type LogRecord, type NewRecord, type OutcomeRow, park, parked } from '@provider-access/eventlog';
import { AccessHolds, checkInbound, derivedEventId, derivedRecord, type Facts, type InboundEvent, type InboundFault, placeFault, readInbound } from '@provider-access/facts';
import { countOutcomes, instant, type ServicePorts } from '@provider-access/http';
import { instantOf, startOf } from '../domain/dates.ts';
import { isOwn, NETWORK_STATUS, RESOURCE_TYPES } from '../domain/decide-member-event.ts';
import { DERIVER, heldRecord, holdOf, isOfProviders, releasedRecord } from './holds.ts';
import { isCoverage, looksLikeCoverage } from './member-events.ts';

const { schema } = payerEvent(NETWORK_STATUS)!;
const OWN_TYPES = Object.keys(PAYER_EVENTS).filter(isOwn);
const isResource = (type: string): boolean => (RESOURCE_TYPES as readonly string[]).includes(type);

interface Read { readonly record: LogRecord; readonly inbound: InboundEvent }
class BatchResult {
  readonly parked: NewRecord[] = [];
  readonly holds: NewRecord[] = [];
  /** By event id: news of one batch. */
  readonly changes = new Map<string, NewRecord>();
  readonly providerHolds: NewRecord[] = [];
  readonly outcomes: OutcomeRow[] = [];
}

/**
 * payer.provider-events -> pa.providers: who is in network since when, by NPI and by TIN. What cannot be read is parked and denies
 * its providers; member events that a producer put here are parked, and deny what they would deny in their place.
 */
export class ProviderEventsIntake {
  private readonly ports: ServicePorts;
  private readonly facts: Facts;
  private readonly holds: AccessHolds;
  private readonly derivation: Derivation;
  constructor(ports: ServicePorts, facts: Facts) {
    this.ports = ports;
    this.facts = facts;
    this.holds = new AccessHolds(ports.state.claims, DERIVER, ports);
    this.derivation = new Derivation({ log: ports.log, deriver: DERIVER, progressTopic: PA_PROVIDERS, now: () => ports.clock.now(), done: countOutcomes(ports.metrics, 'attribution') });
  }

  /** Called when partitions are given to this instance: another may have derived from them since. */
  assigned(): void {
    this.derivation.assigned();
  }

  async handle(batch: Batch): Promise<void> {
    const result = new BatchResult();
    for (const record of batch.records) {
      const inbound = readInbound(record, (type) => isOwn(type) || isResource(type), OWN_TYPES);
      if (inbound !== undefined) await this.one(batch, { record, inbound }, result);
    }
    await this.derivation.complete(batch, {
      outputs: [parked(batch, result.parked), { topic: PA_ATTRIBUTION, records: result.holds }, { topic: PA_PROVIDERS, records: [...result.providerHolds, ...result.changes.values()] }],
      outcomes: result.outcomes,
    });
  }

  private async one(batch: Batch, read: Read, result: BatchResult): Promise<void> {
    const { record, inbound } = read;
    if (isResource(inbound.type)) {
      // resources parks it; a Coverage might have ended access, as in its own topic.
      const coverage = inbound.event === undefined ? looksLikeCoverage(record) : isCoverage(inbound.event.data);
      if (coverage) await this.refuse(batch, read, inbound.fault ?? placeFault(record, inbound.event)!, result);
      return;
    }
    const misplaced = inbound.event === undefined ? inbound.fault : placeFault(record, inbound.event);
    const checked = misplaced === undefined ? checkInbound(inbound.event!, schema, this.ports.clock.now()) : { ok: false as const, fault: misplaced };
    if (!checked.ok) return this.refuse(batch, read, checked.fault, result);
    const event = inbound.event!;
    const news = this.derive(event, this.at(record)).filter(({ id }) => !result.changes.has(id));
    for (const { id, record: change } of news) result.changes.set(id, change);
    await this.releaseReplayed(read, result);
    result.outcomes.push({ receipt: event.extensions?.['pareceipt'], event: event.id, outcome: news.length > 0 ? 'recorded' : 'unchanged', ...(news.length === 0 && { about: inbound.type }) });
  }

  /** When it was appended; a producer may have set that, and a hold must not begin later than now. */
  private at(record: LogRecord): string {
    return instant(Math.min(record.timestamp, this.ports.clock.now()));
  }

  /** A replay that fails again is held under its new name only. */
  private async refuse(batch: Batch, read: Read, { reason, detail }: InboundFault, result: BatchResult): Promise<void> {
    const { record, inbound } = read;
    const deadLetter = deadLetterId(batch.topic, batch.partition, record.offset);
    const held = holdOf(record, inbound, deadLetter);
    if (held !== undefined) this.put(heldRecord(await this.holds.remember(held), this.at(record)), isOfProviders(held), result);
    await this.releaseReplayed(read, result);
    // Not even its envelope could be read: resources parks it, under the same name.
    if (inbound.undecodable === true) return;
    result.parked.push(park(batch, record, reason, detail, DERIVER, this.at(record)));
    if (isResource(inbound.type)) return;
    const receipt = inbound.event?.extensions?.['pareceipt'] ?? record.headers['ce_pareceipt'];
    result.outcomes.push({ receipt, event: inbound.event?.id ?? record.headers['ce_id'] ?? '', outcome: 'parked', reason, deadLetter, about: inbound.type });
  }

  private async releaseReplayed({ record, inbound }: Read, result: BatchResult): Promise<void> {
    const replayed = inbound.event?.extensions?.['pareplayof'] ?? record.headers['ce_pareplayof'];
    const hold = replayed === undefined ? undefined : await this.holds.find(replayed);
    if (hold !== undefined) this.put(releasedRecord(hold, this.at(record)), isOfProviders(hold), result);
  }

  private put(record: NewRecord, ofProviders: boolean, result: BatchResult): void {
    (ofProviders ? result.providerHolds : result.holds).push(record);
  }

  /** One event a provider identifier, without those that are known to be recorded. */
  private derive(event: DomainEvent, at: string): readonly { readonly id: string; readonly record: NewRecord }[] {
    const { npi, tin, status, from } = networkStatusChanged.parse(event.data);
    return providerKeys({ npi, tin }).filter((provider) => !this.facts.parties.knowsNetworkEvent(provider, derivedEventId(event, provider))).map((provider) => {
      const data: NetworkStatusRecorded = { provider, status, from: startOf(from), businessTime: instantOf(event.time) };
      const id = derivedEventId(event, provider);
      const record = derivedRecord({ deriver: DERIVER, type: 'pa.network-status-recorded.v1', subject: provider, cause: event, at, data });
      // Each change has a key of its own: compaction must not keep the last one said, which need not be the one that counts.
      return { id, record: { ...record, key: `${provider}/${id}` } };
    });
  }
}
