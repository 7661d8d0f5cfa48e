import { Inject, Injectable } from '@nestjs/common';
import {
  clientStatusAt,
  type ClientFacts,
  decide,
  type MemberFacts,
  providersAt,
} from '@provider-access/domain/access';
import type { ProviderKey } from '@provider-access/events';
import type { ViewReader } from '@provider-access/engines/views';
import { attested, type AttestedPart, Facts, memberships, type MembershipPart } from '@provider-access/facts';
import { memberFacts, toMemberFacts } from '@provider-access/facts/views';
import { instant } from '@provider-access/kernel';
import { PORTS, type ServicePorts } from '@provider-access/service/http';
import { IdSet } from './id-set.ts';
import type { Counted } from './long-count.ts';

const TOGETHER = 500;
/** Apps of one member that are asked about. One that permits is enough. */
const MOST_APPS = 50;
/** Members whose decisions are made in one turn of the event loop. */
const MEMBERS_A_TURN = 20;
const turn = (): Promise<void> => new Promise((resolve) => setImmediate(resolve));

/** The members of whom `decide` permits at least one app something now. */
@Injectable()
export class VisibleMembers {
  private readonly lists: readonly (readonly [ViewReader, string])[];
  private readonly members: ViewReader;

  constructor(
    @Inject(PORTS) { views }: Pick<ServicePorts, 'views'>,
    @Inject(Facts) private readonly facts: Facts,
  ) {
    this.lists = [
      [views.reader(memberships), 'membership'],
      [views.reader(attested), 'attested'],
    ];
    this.members = views.reader(memberFacts);
  }

  /** Every app that was ever registered. All are in memory. */
  clients(): readonly ClientFacts[] {
    const { registry } = this.facts.parties;
    return registry.ids().flatMap((id) => registry.get(id) ?? []);
  }

  /**
   * Looks at everybody who was ever attributed or attested, and yields after each turn.
   *
   * @param now ms since the epoch
   */
  async *steps(now: number): AsyncGenerator<Counted> {
    const at = this.facts.parties.decisionTime(now);
    const apps = this.appsAt(at);
    let [count, looked, atLeast] = [0, 0, false];
    for await (const ids of this.everybody()) {
      for (const document of await this.members.getMany(ids)) {
        const found = document === undefined ? false : this.isSeen(toMemberFacts(document), apps, at);
        if (found === true) count++;
        atLeast ||= found === undefined;
        if (++looked % MEMBERS_A_TURN !== 0) continue;
        // Other requests, and facts that arrive, do not wait for the whole walk.
        await turn();
        yield { count, atLeast, looked };
      }
    }
    yield { count, atLeast, looked };
  }

  /** The ids of all members, each once, some together. */
  private async *everybody(): AsyncGenerator<readonly string[]> {
    const seen = new IdSet();
    let ids: string[] = [];
    for (const [reader, part] of this.lists)
      for await (const document of reader.scan({ index: 'by_group', fields: 'keys', pageSize: TOGETHER })) {
        const { member } = document[part] as MembershipPart | AttestedPart;
        if (seen.add(member)) ids.push(member);
        if (ids.length < TOGETHER) continue;
        yield ids;
        ids = [];
      }
    yield ids;
  }

  private appsAt(at: number): ReadonlyMap<ProviderKey, readonly string[]> {
    const apps = new Map<ProviderKey, string[]>();
    for (const client of this.clients())
      if (clientStatusAt(client, at) === 'approved')
        for (const provider of providersAt(client, at)) {
          const known = apps.get(provider);
          if (known === undefined) apps.set(provider, [client.client]);
          else known.push(client.client);
        }
    return apps;
  }

  /** Undefined if none of the first apps may see the member, and there are more. */
  private isSeen(
    member: MemberFacts,
    apps: ReadonlyMap<ProviderKey, readonly string[]>,
    at: number,
  ): boolean | undefined {
    const own = new Set([
      ...(member.attestations ?? []).map(({ client }) => client),
      ...member.attributions.flatMap(({ providers }) => providers.flatMap((each) => apps.get(each) ?? [])),
    ]);
    const party = this.facts.parties;
    const purpose = { kind: 'explain' } as const;
    let asked = 0;
    for (const client of own) {
      if (++asked > MOST_APPS) return undefined;
      if (decide({ client, purpose, member: member.member, now: instant(at) }, { member, party }).permit) return true;
    }
    return false;
  }
}
