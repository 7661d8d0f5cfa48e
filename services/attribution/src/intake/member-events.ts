import { type MemberAttributed, PA_ATTRIBUTION, PA_GROUPS, PA_MEMBERS, PA_PROVIDERS, PAYER_EVENTS, type ProviderKey } from '@provider-access/events';
import { type Batch, deadLetterId, Derivation, type LogRecord, type NewRecord, type OutcomeRow, park, parked } from '@provider-access/eventlog';
import { AccessHolds, concerned, derivedRecord, type Facts, type InboundEvent, type InboundFault, knownAs, placeFault, readInbound } from '@provider-access/facts';
import { countOutcomes, instant, type ServicePorts } from '@provider-access/http';
import { decideMemberEvent, isOwn, RESOURCE_TYPES, type Statement } from '../domain/decide-member-event.ts';
import { type GroupBatch, GroupDirectory } from './group-directory.ts';
import { DERIVER, heldRecord, holdOf, isOfProviders, releasedRecord } from './holds.ts';
import { MemberState } from './member-state.ts';

const OWN_TYPES = Object.keys(PAYER_EVENTS).filter(isOwn);
const wanted = (type: string): boolean => isOwn(type) || (RESOURCE_TYPES as readonly string[]).includes(type);
const COVERAGE = '"Coverage"';

/** One inbound record that is ours to read. */
interface Read { readonly record: LogRecord; readonly inbound: InboundEvent }
interface Derived { readonly topic: typeof PA_MEMBERS | typeof PA_ATTRIBUTION; readonly member: string; readonly record: NewRecord }
class BatchResult {
  readonly members: NewRecord[] = [];
  readonly attribution: NewRecord[] = [];
  readonly providers: NewRecord[] = [];
  readonly parked: NewRecord[] = [];
  readonly outcomes: OutcomeRow[] = [];
}

/**
 * payer.member-events -> pa.members, pa.attribution, pa.groups. Reads its own event types and, of the resources, Coverages.
 * What it cannot read is parked; what might have ended access is held as well.
 */
export class MemberEventsIntake {
  private readonly ports: ServicePorts;
  private readonly facts: Facts;
  private readonly holds: AccessHolds;
  private readonly groups: GroupDirectory;
  private readonly derivation: Derivation;

  constructor(ports: ServicePorts, facts: Facts) {
    this.ports = ports;
    this.facts = facts;
    this.holds = new AccessHolds(ports.state.claims, DERIVER, ports);
    this.groups = new GroupDirectory(ports);
    this.derivation = new Derivation({ log: ports.log, deriver: DERIVER, progressTopic: PA_ATTRIBUTION, now: () => ports.clock.now(), done: countOutcomes(ports.metrics, 'attribution') });
  }

  /** Called when partitions are given to this instance: another may have derived from them since. */
  assigned(): void {
    this.derivation.assigned();
  }

  async handle(batch: Batch): Promise<void> {
    const reads = batch.records.filter(mayConcern).flatMap((record): Read[] => {
      const inbound = readInbound(record, wanted, OWN_TYPES);
      return inbound === undefined ? [] : [{ record, inbound }];
    });
    const result = new BatchResult();
    const groups = this.groups.batch();
    const members = [...new Set(reads.flatMap(({ record, inbound }) => concerned(record, inbound.event).member ?? []))];
    const state = await MemberState.load(this.ports.log, this.facts.reader, members, this.ports.clock.now());
    for (const read of reads) await this.one(batch, read, state, groups, result);
    await this.derivation.complete(batch, {
      outputs: [
        parked(batch, result.parked),
        { topic: PA_GROUPS, records: groups.openings() },
        { topic: PA_PROVIDERS, records: result.providers },
        { topic: PA_MEMBERS, records: result.members },
        { topic: PA_ATTRIBUTION, records: result.attribution },
      ],
      outcomes: result.outcomes,
    });
    groups.done();
  }

  private async one(batch: Batch, { record, inbound }: Read, state: MemberState, groups: GroupBatch, result: BatchResult): Promise<void> {
    if (inbound.fault !== undefined) {
      // Of a resource only a Coverage matters here, and only its bytes can say that it is one.
      if (isOwn(inbound.type) || looksLikeCoverage(record)) await this.refuse(batch, { record, inbound }, inbound.fault, result);
      return;
    }
    const { event } = inbound;
    const misplaced = placeFault(record, event);
    const decision = misplaced === undefined ? decideMemberEvent(event, this.ports.clock.now()) : { ok: false as const, fault: misplaced };
    if (!decision.ok) {
      if (isOwn(inbound.type) || isCoverage(event.data)) await this.refuse(batch, { record, inbound }, decision.fault, result);
      return;
    }
    let news = decision.statements.length === 0;
    for (const { topic, member, record: derived } of await this.derive(decision.statements, { record, inbound }, groups)) {
      if (!state.apply(member, topic, derived)) continue;
      news = true;
      (topic === PA_MEMBERS ? result.members : result.attribution).push(derived);
    }
    await this.releaseReplayed({ record, inbound }, result);
    if (isOwn(inbound.type)) result.outcomes.push({ receipt: event.extensions?.['pareceipt'], event: event.id, outcome: news ? 'recorded' : 'unchanged', ...(!news && { about: inbound.type }) });
  }

  private async derive(statements: readonly Statement[], { record, inbound }: Read, groups: GroupBatch): Promise<readonly Derived[]> {
    const event = inbound.event!;
    const at = this.at(record);
    const about = (member: string, topic: Derived['topic'], type: string, data: unknown): Derived => ({ topic, member, record: derivedRecord({ deriver: DERIVER, type, subject: member, cause: event, at, data }) });
    const out: Derived[] = [];
    for (const statement of statements) {
      switch (statement.kind) {
        case 'coverage':
          out.push(about(event.subject!, PA_MEMBERS, 'pa.coverage-changed.v1', statement.change));
          break;
        case 'merged':
          for (const member of [statement.merge.member, statement.merge.retired]) out.push(about(member, PA_MEMBERS, 'pa.member-merged.v1', statement.merge));
          break;
        case 'attributed': {
          const { identity, ...attribution } = statement.attribution;
          const data: MemberAttributed = { member: event.subject!, group: await groups.groupOf(identity), providers: identity.providers as ProviderKey[], ...(identity.contract !== undefined && { contract: identity.contract }), ...attribution };
          out.push(about(event.subject!, PA_ATTRIBUTION, 'pa.member-attributed.v1', data));
          break;
        }
        case 'attribution-ended': {
          const { identity, to, businessTime } = statement;
          out.push(about(event.subject!, PA_ATTRIBUTION, 'pa.attribution-ended.v1', { member: event.subject!, ...identity, to, businessTime }));
        }
      }
    }
    return out;
  }

  /** When it was appended; a producer may have set that, and a hold must not begin later than now. */
  private at(record: LogRecord): string {
    return instant(Math.min(record.timestamp, this.ports.clock.now()));
  }

  /** Parks what is ours, denies what might have ended access. A replay that fails again is held under its new name only. */
  private async refuse(batch: Batch, read: Read, fault: InboundFault, result: BatchResult): Promise<void> {
    const { record, inbound } = read;
    const deadLetter = deadLetterId(batch.topic, batch.partition, record.offset);
    const held = holdOf(record, inbound, deadLetter);
    if (held !== undefined) {
      const hold = await this.holds.remember(held);
      (isOfProviders(hold) ? result.providers : result.attribution).push(heldRecord(hold, this.at(record)));
    }
    await this.releaseReplayed(read, result);
    if (inbound.undecodable === true) return;
    // A Coverage too, under the name that resources would give it: what is held must be found and resolved.
    result.parked.push(park(batch, record, fault.reason, fault.detail, DERIVER, this.at(record)));
    if (!isOwn(inbound.type)) return;
    result.outcomes.push({ receipt: inbound.event?.extensions?.['pareceipt'] ?? record.headers['ce_pareceipt'], event: inbound.event?.id ?? record.headers['ce_id'] ?? '', outcome: 'parked', reason: fault.reason, deadLetter, about: inbound.type });
  }

  private async releaseReplayed({ record, inbound }: Read, result: BatchResult): Promise<void> {
    const replayed = inbound.event?.extensions?.['pareplayof'] ?? record.headers['ce_pareplayof'];
    if (replayed === undefined) return;
    const hold = await this.holds.find(replayed);
    if (hold !== undefined) (isOfProviders(hold) ? result.providers : result.attribution).push(releasedRecord(hold, this.at(record)));
  }
}

const valueOf = (record: LogRecord): Buffer => Buffer.from(record.value.buffer, record.value.byteOffset, record.value.byteLength);
/** Cheap: most records are resources that are no Coverage, and their bytes say so. */
function mayConcern(record: LogRecord): boolean {
  const type = record.headers['ce_type'];
  return type === undefined || isOwn(type) || knownAs(type, OWN_TYPES) !== undefined || ((RESOURCE_TYPES as readonly string[]).includes(type) && valueOf(record).includes(COVERAGE));
}
export const looksLikeCoverage = (record: LogRecord): boolean => /"resourceType"\s*:\s*"Coverage"/.test(valueOf(record).toString('utf8'));
export const isCoverage = (data: unknown): boolean => {
  const d = data as { resourceType?: unknown; resource?: { resourceType?: unknown } } | null;
  return d?.resourceType === 'Coverage' || d?.resource?.resourceType === 'Coverage';
};
