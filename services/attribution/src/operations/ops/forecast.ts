import { Inject, Injectable } from '@nestjs/common';
import {
  decide,
  type MemberFacts,
  namesOneOf,
  type OptOutEvent,
  type PartyFacts,
  reachOfEvent,
} from '@provider-access/domain/access';
import { payerIdentity } from '@provider-access/domain/pdex';
import { PayerDays } from '@provider-access/domain/pdex/days';
import {
  bufferOf,
  type DomainEvent,
  optOutRow,
  PA_ATTRIBUTION,
  PA_CONSENT,
  PA_MEMBERS,
  PAYER_CONTRACT,
  PLATFORM_EVENTS,
  type PayerEvent,
  type ProviderKey,
} from '@provider-access/events';
import { type ConsentPart, evolveConsent, Facts, toMemberFacts } from '@provider-access/facts';
import { derivedRecord } from '@provider-access/intake';
import { instant, Refusal } from '@provider-access/kernel';
import { PORTS, type ServicePorts } from '@provider-access/service/http';
import { CONFIG, type AttributionConfig } from '../../config.ts';
import { decideMemberEvent, type GroupIdentity, type MemberStatement } from '../../domain/decide-member-event.ts';
import { GroupDirectory } from '../../intake/group-directory.ts';
import { DERIVER } from '../../intake/holds.ts';
import { MemberState } from '../../intake/member-state.ts';
import { ANYBODY, listOf, partyOf } from './anybody.ts';
import { NewLabels } from './new-labels.ts';

/** A list of a provider, and the member that it gains or loses. */
export interface ForecastChange {
  readonly member: string;
  /** The providers of the list, and its contract. */
  readonly list: string;
  readonly change: 'gained' | 'lost';
  /** Of a gained member: labels of resources that the list's providers would get. Absent without any. */
  readonly labels?: readonly string[];
}

/** Lists on which a member is seen, with their providers. */
type Lists = ReadonlyMap<string, readonly ProviderKey[]>;
/** What is known of the members of a forecast, with what was applied so far. */
interface Known {
  readonly state: MemberState;
  readonly consent: Map<string, ConsentPart | undefined>;
}
type WithdrawalEvent = Extract<PayerEvent, { type: 'payer.opt-out-withdrawn.v1' }>;
/**
 * What events would change if somebody published them: whom the apps of each list's providers would see, and would no
 * longer see. It uses the code of the intake and the one decision, and appends nothing.
 */
@Injectable()
export class Forecast {
  private readonly directory: GroupDirectory;
  constructor(
    @Inject(PORTS) private readonly ports: ServicePorts,
    @Inject(Facts) private readonly facts: Facts,
    @Inject(CONFIG) private readonly config: AttributionConfig,
    @Inject(PayerDays) private readonly days: PayerDays,
    @Inject(NewLabels) private readonly newLabels: NewLabels,
  ) {
    this.directory = new GroupDirectory(ports);
  }

  /** @throws Refusal for an event that the intake would refuse; FactsStale; EngineUnavailable */
  async of(events: readonly DomainEvent[]): Promise<readonly ForecastChange[]> {
    this.facts.access.assertFresh();
    const members = [...new Set(events.map(({ subject }) => subject ?? ''))];
    const { log } = this.ports;
    const now = this.ports.clock.now();
    const state = await MemberState.load(log, this.facts.reader, members, now);
    const consent = new Map<string, ConsentPart | undefined>();
    for (const [n, document] of (await this.facts.reader.getMany(members)).entries())
      consent.set(members[n]!, document?.['consent'] as ConsentPart | undefined);
    const seen = (): ReadonlyMap<string, Lists> =>
      new Map(
        members.map((member) => {
          const part = consent.get(member);
          const document = { _id: member, ...state.partsOf(member), ...(part !== undefined && { consent: part }) };
          return [member, this.listsOf(toMemberFacts(document), instant(now))];
        }),
      );
    const before = seen();
    for (const event of events) await this.apply({ state, consent }, event, instant(now));
    const after = seen();
    const changes = members.flatMap((member) => {
      const [was, will] = [before.get(member)!, after.get(member)!];
      const but = (these: Lists, others: Lists, change: 'gained' | 'lost') =>
        [...these]
          .filter(([list]) => !others.has(list))
          .map(([list, providers]) => ({ member, list, change, providers }));
      return [...but(will, was, 'gained'), ...but(was, will, 'lost')];
    });
    return this.withLabels(changes);
  }

  private async withLabels(
    changes: readonly (ForecastChange & { readonly providers: readonly ProviderKey[] })[],
  ): Promise<readonly ForecastChange[]> {
    const gaining = changes.filter(({ change }) => change === 'gained').map(({ member }) => member);
    const marked: ReadonlySet<string> =
      gaining.length === 0 ? new Set() : await this.newLabels.among([...new Set(gaining)]);
    const out: ForecastChange[] = [];
    for (const { providers, ...change } of changes) {
      const isMarked = change.change === 'gained' && marked.has(change.member);
      const labels = isMarked ? await this.newLabels.of(change.member, this.partyOf(providers), ANYBODY) : [];
      out.push({ ...change, ...(labels.length > 0 && { labels }) });
    }
    return out;
  }

  private async apply({ state, consent }: Known, stated: DomainEvent, at: string): Promise<void> {
    const read = PAYER_CONTRACT.read(stated, this.ports.clock.now());
    if (!read.ok) throw new Refusal('invalid-request', `Event ${stated.id}: ${read.fault.detail}`);
    const event = read.event as PayerEvent & DomainEvent;
    if (event.type === 'payer.member-opted-out.v2') return this.optOut(consent, event, at);
    if (event.type === 'payer.opt-out-withdrawn.v1') return this.withdrawal(consent, event, at);
    const payer = payerIdentity(this.config.payerIdentifiers, this.config.payerOrganization);
    const decision = decideMemberEvent(event, this.days, payer);
    if (!decision.ok) throw new Refusal('invalid-request', `Event ${stated.id}: ${decision.fault.detail}`);
    for (const statement of decision.statements) {
      const { type, data } = (
        statement.type === 'pa.member-attributed.v1'
          ? { ...statement, data: { ...statement.data, group: await this.groupOf(statement.data) } }
          : statement
      ) as MemberStatement;
      const { topic } = PLATFORM_EVENTS[type];
      if (topic !== PA_MEMBERS && topic !== PA_ATTRIBUTION) continue;
      const subject = event.subject!;
      state.apply(subject, topic, derivedRecord({ deriver: DERIVER, type, subject, cause: event, at, data }));
    }
  }
  /** As the consent service would record it. */
  private optOut(consent: Known['consent'], event: OptOutEvent & DomainEvent, at: string): void {
    const { payerIdentifiers: names, payerOrganization } = this.config;
    const member = event.subject!;
    const { effectiveFrom } = event.data;
    const time = Date.parse(event.time);
    const effective =
      effectiveFrom === undefined ? Math.min(time, Date.parse(at)) : this.days.restrictsFrom(effectiveFrom);
    const data = {
      member,
      ...reachOfEvent(event, names && namesOneOf([...names, payerOrganization])),
      effective: instant(effective),
      businessTime: instant(time),
      setBy: event.data.setBy,
      row: optOutRow(event),
    };
    addConsent(consent, event, at, { type: 'pa.opted-out.v1', data });
  }
  private withdrawal(consent: Known['consent'], event: WithdrawalEvent & DomainEvent, at: string): void {
    const { file } = event.data;
    const effective = instant(Math.max(Date.parse(at), this.days.permitsFrom(file.asOf)));
    const businessTime = instant(Math.min(Date.parse(event.time), Date.parse(at)));
    const data = { member: event.subject!, row: optOutRow(event)!, effective, businessTime, file };
    addConsent(consent, event, at, { type: 'pa.opt-out-withdrawn.v1', data });
  }
  /** The Group of an identity; a text that is no id for one that does not exist yet. */
  private async groupOf(identity: GroupIdentity): Promise<string> {
    return (await this.directory.known(identity)) ?? `new/${JSON.stringify(listOf(identity))}`;
  }

  /** The lists on which an app of their providers would see the member. */
  private listsOf(member: MemberFacts, now: string): Lists {
    const lists = new Map<string, readonly ProviderKey[]>();
    for (const { group, providers, contract } of member.attributions) {
      const request = { client: ANYBODY, purpose: { kind: 'explain', group }, member: member.member, now } as const;
      const party = this.partyOf(providers);
      if (decide(request, { member, party }).permit)
        lists.set(listOf({ providers, ...(contract !== undefined && { contract }) }), providers);
    }
    return lists;
  }
  private partyOf(providers: readonly ProviderKey[]): PartyFacts {
    return partyOf(this.facts.parties, providers);
  }
}

/** Adds what the consent service would record to what is known of a member. */
function addConsent(
  consent: Known['consent'],
  event: DomainEvent,
  at: string,
  { type, data }: { readonly type: string; readonly data: { readonly member: string } },
): void {
  const { member } = data;
  const record = derivedRecord({ deriver: 'consent', type, subject: member, cause: event, at, data });
  const read = { ...record, topic: PA_CONSENT, partition: 0, offset: 0, timestamp: Date.parse(at) };
  const after = evolveConsent(consent.get(member), { ...read, value: bufferOf(record.value) });
  if (after !== undefined) consent.set(member, after);
}
