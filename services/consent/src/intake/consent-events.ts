import { type AccessHeld, type DomainEvent, PA_CONSENT } from '@provider-access/events';
import { type Batch, deadLetterId, Derivation, type LogRecord, type NewRecord, type OutcomeRow, park, parked } from '@provider-access/eventlog';
import { AccessHolds, concerned, type ConsentPart, derivedRecord, type Facts, type InboundEvent, type InboundFault, placeFault, readInbound } from '@provider-access/facts';
import { countOutcomes, instant, type ServicePorts } from '@provider-access/http';
import { CONSENT_TYPES, decideConsentEvent, isOwn, MERGED } from '../domain/decide-consent-event.ts';
import { ConsentRegister, DERIVER, type Said } from './consent-register.ts';
import { OptOutEffect } from './opt-out-effect.ts';
import { recallFrom } from './recall.ts';

interface Read { readonly record: LogRecord; readonly inbound: InboundEvent }
class BatchResult {
  readonly consent: NewRecord[] = [];
  readonly parked: NewRecord[] = [];
  readonly outcomes: OutcomeRow[] = [];
  /** Times of append of opt-outs, ms since the epoch. */
  readonly optOuts: number[] = [];
}
/** How long a repeated event waits for the view to tell whether it is there already, ms. */
const WAIT_MS = 500;

/**
 * payer.member-events -> pa.consent. An opt-out that cannot be read denies: the member, or the whole source when it names none. So
 * does one that a producer put among provider events, where nothing of consent belongs.
 */
export class ConsentEventsIntake {
  private readonly ports: ServicePorts;
  private readonly facts: Facts;
  private readonly holds: AccessHolds;
  private readonly register: ConsentRegister;
  private readonly derivation: Derivation;
  private readonly effect: OptOutEffect;

  constructor(ports: ServicePorts, facts: Facts) {
    this.ports = ports;
    this.facts = facts;
    this.effect = new OptOutEffect({ facts: facts.access, clock: ports.clock, metrics: ports.metrics });
    this.holds = new AccessHolds(ports.state.claims, DERIVER, ports);
    this.register = new ConsentRegister(ports.state.streams, recallFrom(ports.log, facts));
    this.derivation = new Derivation({ log: ports.log, deriver: DERIVER, progressTopic: PA_CONSENT, now: () => ports.clock.now(), done: countOutcomes(ports.metrics, 'consent') });
  }

  /** Called when partitions are given to this instance: another may have derived from them since. */
  assigned(): void {
    this.derivation.assigned();
  }

  stop(): void {
    this.effect.stop();
  }

  async handle(batch: Batch): Promise<void> {
    const result = new BatchResult();
    for (const record of batch.records) {
      const inbound = readInbound(record, (type) => isOwn(type) || type === MERGED, CONSENT_TYPES);
      if (inbound !== undefined) await this.one(batch, { record, inbound }, result);
    }
    await this.derivation.complete(batch, { outputs: [parked(batch, result.parked), { topic: PA_CONSENT, records: result.consent }], outcomes: result.outcomes });
    this.effect.handled(batch, result.optOuts);
  }

  private async one(batch: Batch, read: Read, result: BatchResult): Promise<void> {
    const { record, inbound } = read;
    const misplaced = inbound.event === undefined ? inbound.fault : placeFault(record, inbound.event);
    const decision = misplaced !== undefined ? { ok: false as const, fault: misplaced } : decideConsentEvent(inbound.event!, this.ports.clock.now(), Math.min(record.timestamp, this.ports.clock.now()));
    if (!decision.ok) {
      // An unreadable merge is attribution's to park and to hold.
      if (isOwn(inbound.type)) await this.refuse(batch, read, decision.fault, result);
      return;
    }
    const event = inbound.event!;
    const { statement } = decision;
    if (statement.kind === 'merged') {
      result.consent.push(...(await this.register.merge(...statement.members)));
      return;
    }
    const said: Said = { type: statement.kind === 'opted-out' ? 'pa.opted-out.v1' : 'pa.opted-in.v1', cause: { id: event.id, source: event.source, traceparent: event.traceparent }, at: this.at(record), data: statement.data };
    const { known, records } = await this.register.say(event.subject!, said);
    if (statement.kind === 'opted-out') result.optOuts.push(Date.parse(said.at));
    const repeated = known && (await this.isThere(event, records, result));
    if (!repeated) result.consent.push(...records);
    await this.releaseReplayed(read, result);
    result.outcomes.push({ receipt: event.extensions?.['pareceipt'], event: event.id, outcome: repeated ? 'unchanged' : 'recorded', ...(repeated && { about: event.type }) });
  }

  /** When it was appended; a producer may have set that, and nothing of consent may begin later than now for it. */
  private at(record: LogRecord): string {
    return instant(Math.min(record.timestamp, this.ports.clock.now()));
  }

  /** Whether the events of a repeated one are published: after a crash in between they may be remembered and not published. */
  private async isThere(event: DomainEvent, records: readonly NewRecord[], { consent }: BatchResult): Promise<boolean> {
    const ids = records.map((r) => r.headers['ce_id']);
    if (ids.every((id) => consent.some((c) => c.headers['ce_id'] === id))) return true;
    try {
      if (!(await this.facts.reader.waitFor(await this.ports.log.head([PA_CONSENT]), WAIT_MS))) return false;
      const part = (await this.facts.reader.get(event.subject!))?.['consent'] as ConsentPart | undefined;
      return [...(part?.outs ?? []), ...(part?.ins ?? [])].some((s) => ids.includes(s.e));
    } catch {
      return false;
    }
  }

  private async refuse(batch: Batch, read: Read, fault: InboundFault, result: BatchResult): Promise<void> {
    const { record, inbound } = read;
    const at = this.at(record);
    const deadLetter = deadLetterId(batch.topic, batch.partition, record.offset);
    const hold = await this.holds.remember({ ...concerned(record, inbound.event), deadLetter, eventType: inbound.type });
    result.consent.push(...(await this.tell(hold, 'pa.access-held.v1', at)));
    await this.releaseReplayed(read, result);
    // Not even its envelope could be read: resources parks it, under the same name.
    if (inbound.undecodable === true) return;
    result.parked.push(park(batch, record, fault.reason, fault.detail, DERIVER, at));
    result.outcomes.push({ receipt: inbound.event?.extensions?.['pareceipt'] ?? record.headers['ce_pareceipt'], event: inbound.event?.id ?? record.headers['ce_id'] ?? '', outcome: 'parked', reason: fault.reason, deadLetter, about: inbound.type });
  }

  private async releaseReplayed({ record, inbound }: Read, result: BatchResult): Promise<void> {
    const replayed = inbound.event?.extensions?.['pareplayof'] ?? record.headers['ce_pareplayof'];
    if (replayed !== undefined) result.consent.push(...(await this.release(replayed, this.at(record))));
  }

  /** What ends the hold of a dead letter, if there is one of ours. */
  async release(deadLetter: string, at: string): Promise<readonly NewRecord[]> {
    const hold = await this.holds.find(deadLetter);
    return hold === undefined ? [] : this.tell(hold, 'pa.access-released.v1', at);
  }

  private async tell(hold: AccessHeld, type: 'pa.access-held.v1' | 'pa.access-released.v1', at: string): Promise<readonly NewRecord[]> {
    const { member, ...about } = hold;
    const data = type === 'pa.access-held.v1' ? about : { source: hold.source, deadLetter: hold.deadLetter };
    const cause = { id: hold.deadLetter, source: hold.source };
    if (member === undefined) return [derivedRecord({ deriver: DERIVER, type, cause, at, data, ...(type === 'pa.access-released.v1' && { n: 1 }) })];
    return (await this.register.say(member, { type, cause, at, data })).records;
  }
}
