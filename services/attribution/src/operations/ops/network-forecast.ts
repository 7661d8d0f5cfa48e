import { Inject, Injectable } from '@nestjs/common';
import { decide, inNetwork, type MemberFacts, type PartyFacts } from '@provider-access/domain/access';
import { PayerDays } from '@provider-access/domain/pdex/days';
import { type DomainEvent, PAYER_CONTRACT, type PayerEvent, type ProviderKey } from '@provider-access/events';
import {
  Facts,
  type GroupPart,
  groups,
  memberships,
  type MembershipPart,
  type NetworkStatements,
  toMemberFacts,
  withNetworkChange,
} from '@provider-access/facts';
import { derivedEventId } from '@provider-access/intake';
import { instant, Refusal } from '@provider-access/kernel';
import type { ViewReader } from '@provider-access/engines/views';
import { PORTS, type ServicePorts } from '@provider-access/service/http';
import { NETWORK_STATUS } from '../../domain/decide-member-event.ts';
import { networkChanges, type NetworkStatusChanged } from '../../domain/network-changes.ts';
import { ANYBODY, listOf, partyOf } from './anybody.ts';
import { NewLabels } from './new-labels.ts';

/** How the list of a provider would change. Members are counted and not named. */
export interface ListForecast {
  readonly list: string;
  /** Members whom apps of its providers see now. */
  seen: number;
  gained: number;
  lost: number;
  /** Gained members by label of resources that the providers would get. */
  readonly labels: Record<string, number>;
}
/** Members who are decided together. */
const PAGE = 500;

/** The party facts with what events would change. */
class Changed {
  readonly #statements = new Map<ProviderKey, NetworkStatements>();
  readonly #identities = new Map<ProviderKey, Set<ProviderKey>>();
  readonly #facts: Facts;
  constructor(facts: Facts) {
    this.#facts = facts;
  }
  /** The identifiers of which something changes. */
  providers(): Iterable<ProviderKey> {
    return new Set([...this.#statements.keys(), ...this.#identities.keys()]);
  }
  apply(event: NetworkStatusChanged, days: PayerDays, at: string): void {
    const { parties } = this.#facts;
    for (const change of networkChanges(event, days)) {
      const { provider, with: others = [] } = change;
      const known = this.#statements.get(provider) ?? parties.networkStatements(provider);
      const after = withNetworkChange(known, derivedEventId(event, provider), change, at);
      if (after !== undefined) this.#statements.set(provider, after);
      for (const other of others) this.#join(provider, other);
    }
  }
  #join(a: ProviderKey, b: ProviderKey): void {
    const [some, more] = [this.#identity(a), this.#identity(b)];
    if (some.includes(b)) return;
    const all = new Set([...some, ...more]);
    for (const one of all) this.#identities.set(one, all);
  }
  #identity(provider: ProviderKey): readonly ProviderKey[] {
    const joined = this.#identities.get(provider);
    return joined === undefined ? this.#facts.parties.identity(provider) : [...joined];
  }
  isJoined(provider: ProviderKey): boolean {
    return this.#identities.has(provider);
  }
  partyOf(providers: readonly ProviderKey[]): PartyFacts {
    const { parties } = this.#facts;
    return {
      ...partyOf(parties, providers),
      network: (provider) => {
        const statements = this.#statements.get(provider);
        return statements === undefined ? parties.network(provider) : parties.networkBy(provider, statements);
      },
      identity: (provider) => this.#identity(provider),
    };
  }
}

/**
 * What changes of the network would change if somebody published them. It uses the code of the intake and the one
 * decision, and appends nothing. Its cost follows the members of the lists whose network status changes.
 */
@Injectable()
export class NetworkForecast {
  private readonly groups: ViewReader;
  private readonly memberships: ViewReader;
  constructor(
    @Inject(PORTS) private readonly ports: ServicePorts,
    @Inject(Facts) private readonly facts: Facts,
    @Inject(PayerDays) private readonly days: PayerDays,
    @Inject(NewLabels) private readonly newLabels: NewLabels,
  ) {
    this.groups = ports.views.reader(groups);
    this.memberships = ports.views.reader(memberships);
  }

  /** @throws Refusal for an event that the intake would refuse; FactsStale; EngineUnavailable */
  async of(events: readonly DomainEvent[]): Promise<readonly ListForecast[]> {
    this.facts.access.assertFresh();
    const now = this.ports.clock.now();
    const changed = new Changed(this.facts);
    for (const stated of events) {
      const read = PAYER_CONTRACT.read(stated, now);
      if (!read.ok) throw new Refusal('invalid-request', `Event ${stated.id}: ${read.fault.detail}`);
      const event = read.event as PayerEvent & DomainEvent;
      if (event.type !== NETWORK_STATUS)
        throw new Refusal('invalid-request', `Event ${stated.id}: is no ${NETWORK_STATUS}`);
      changed.apply(event, this.days, instant(now));
    }
    const seen = new Set<string>();
    const lists: ListForecast[] = [];
    for (const provider of changed.providers())
      for await (const { _id: group, group: part } of this.groups.scan({ index: 'by_provider', equals: [provider] })) {
        if (seen.has(group)) continue;
        seen.add(group);
        const list = await this.list(group, part as GroupPart, changed, now);
        if (list !== undefined && (list.gained > 0 || list.lost > 0)) lists.push(list);
      }
    return lists;
  }

  /** undefined for a list of which nothing changes, without a look at its members. */
  private async list(
    group: string,
    about: GroupPart,
    changed: Changed,
    now: number,
  ): Promise<ListForecast | undefined> {
    const { providers } = about;
    const { parties } = this.facts;
    const [before, after] = [partyOf(parties, providers), changed.partyOf(providers)];
    const [is, willBe] = [inNetwork(before, providers, now), inNetwork(after, providers, now)];
    // Opt-outs of one identifier hold for all identifiers of a provider.
    if (is === willBe && !(is && providers.some((provider) => changed.isJoined(provider)))) return undefined;
    const list: ListForecast = { list: listOf(about), seen: 0, gained: 0, lost: 0, labels: {} };
    let some: string[] = [];
    const take = async (): Promise<void> => {
      const gained: string[] = [];
      for (const document of await this.facts.reader.getMany(some)) {
        if (document === undefined) continue;
        const member = toMemberFacts(document);
        const [was, will] = [before, after].map((party) => sees(member, group, party, instant(now)));
        if (was === true) list.seen += 1;
        if (was === true && will !== true) list.lost += 1;
        if (was !== true && will === true) gained.push(member.member);
      }
      list.gained += gained.length;
      const marked = gained.length === 0 ? [] : await this.newLabels.among(gained);
      for (const member of marked)
        for (const label of await this.newLabels.of(member, after, ANYBODY))
          list.labels[label] = (list.labels[label] ?? 0) + 1;
      some = [];
    };
    for await (const document of this.memberships.scan({ index: 'by_group', equals: [group], fields: 'keys' })) {
      some.push((document['membership'] as MembershipPart).member);
      if (some.length >= PAGE) await take();
    }
    await take();
    return list;
  }
}

const sees = (member: MemberFacts, group: string, party: PartyFacts, now: string): boolean =>
  decide({ client: ANYBODY, purpose: { kind: 'explain', group }, member: member.member, now }, { member, party })
    .permit;
