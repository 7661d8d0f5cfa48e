import { Inject, Injectable } from '@nestjs/common';
import { type GroupDenial, groupDenial } from '@provider-access/domain/access';
import type { ProviderKey } from '@provider-access/events';
import { Facts, type GroupPart, groups, memberships, type MembershipPart } from '@provider-access/facts';
import { type FhirResource, isId, nextTurn } from '@provider-access/kernel/fhir';
import { instant, Refusal } from '@provider-access/kernel';
import { PORTS, type ServicePorts } from '@provider-access/service/http';
import { type GroupInput, type GroupMember, groupMember, groupResource } from '@provider-access/domain/pdex';
import type { ViewDocument, ViewReader } from '@provider-access/engines/views';
import { CONFIG, type AttributionConfig } from '../config.ts';
import { ContentHash, GroupVersions } from './group-versions.ts';
import { ManagingEntity } from './managing-entity.ts';

export interface ClientGroup extends GroupPart {
  readonly id: string;
}
/** Why the Group does not exist for the client. */
export interface DeniedGroup {
  readonly denied: GroupDenial | 'group-unknown';
}
/** A Group in the form in which one client may see it now. */
export interface VisibleGroup {
  readonly resource: FhirResource;
  readonly members: readonly string[];
  readonly lastUpdated: number;
}

const PAGE = 500;
/** Ends inside are exclusive; Period.end is the last moment. */
const lastMoment = (end: string): string => instant(Date.parse(end) - 1);
const valueOf = (providers: readonly ProviderKey[], prefix: 'npi|' | 'tin|'): string | undefined =>
  providers.find((p) => p.startsWith(prefix))?.slice(prefix.length);

/**
 * The Groups of a client: those of providers to which it is bound and that are in network. For the client, no others
 * exist.
 */
@Injectable()
export class GroupView {
  private readonly groups: ViewReader;
  private readonly memberships: ViewReader;
  private readonly versions: GroupVersions;
  constructor(
    @Inject(PORTS) private readonly ports: ServicePorts,
    @Inject(Facts) private readonly facts: Facts,
    @Inject(CONFIG) private readonly config: AttributionConfig,
    @Inject(ManagingEntity) private readonly managingEntity: ManagingEntity,
  ) {
    this.groups = ports.views.reader(groups);
    this.memberships = ports.views.reader(memberships);
    this.versions = new GroupVersions(ports.state.streams);
  }

  /** In the order of ids. @throws FactsStale */
  async ofClient(client: string): Promise<readonly ClientGroup[]> {
    this.facts.access.assertFresh();
    const found = new Map<string, ClientGroup>();
    for (const provider of this.facts.parties.client(client)?.providers ?? []) {
      for await (const doc of this.groups.scan({ index: 'by_provider', equals: [provider] })) {
        const group = this.admit(doc, client);
        if (!('denied' in group)) found.set(group.id, group);
      }
    }
    return [...found.values()].sort((a, b) => (a.id < b.id ? -1 : 1));
  }

  /** The caller gives one answer for every denial, so that nobody can tell them apart. @throws FactsStale */
  async one(client: string, id: string): Promise<ClientGroup | DeniedGroup> {
    this.facts.access.assertFresh();
    const doc = isId(id) ? await this.groups.get(id) : undefined;
    return doc === undefined ? { denied: 'group-unknown' } : this.admit(doc, client);
  }

  private admit(doc: ViewDocument, client: string): ClientGroup | DeniedGroup {
    const group = doc['group'] as GroupPart;
    const { parties } = this.facts;
    const denied = groupDenial(client, group.providers, parties, parties.decisionTime(this.ports.clock.now()));
    return denied === undefined ? { ...group, id: doc._id } : { denied };
  }

  /** Decides for every member now. The quantity counts only permitted ones. @throws FactsStale, Refusal too-costly */
  async render(client: string, group: ClientGroup, summary: boolean): Promise<VisibleGroup> {
    const members: GroupMember[] = [];
    const content = new ContentHash();
    let page: string[] = [];
    let quantity = 0;
    const decidePage = async (): Promise<void> => {
      // A large Group is many decisions, so the rest of the process goes on between two pages.
      if (quantity > 0) await nextTurn();
      const decisions = await this.facts.access.decideMany(client, { kind: 'group', group: group.id }, page);
      decisions.forEach((decision, i) => {
        if (!decision.permit) return;
        quantity++;
        if (quantity > this.config.maxGroupMembers && !summary)
          throw new Refusal(
            'too-costly',
            `This Group has more than ${this.config.maxGroupMembers} members. Read it with _summary=true and get ` +
              'its members by $export.',
          );
        const { from, to, coverageId } = decision.attributions[0]!;
        const end = to !== undefined && { to: lastMoment(to) };
        const member = { member: page[i]!, from, ...end, ...(coverageId !== undefined && { coverageId }) };
        content.add(groupMember(member));
        if (!summary) members.push(member);
      });
      page = [];
    };
    for await (const doc of this.memberships.scan({ index: 'by_group', equals: [group.id], pageSize: PAGE })) {
      page.push((doc['membership'] as MembershipPart).member);
      if (page.length === PAGE) await decidePage();
    }
    if (page.length > 0) await decidePage();
    const common = { ...headOf(group), quantity, payer: await this.managingEntity.of(client) };
    // The members are in the hash already. A summary has the version of the whole Group.
    content.add(groupResource({ ...common, versionId: '', lastUpdated: '', members: [] }));
    const now = this.facts.parties.decisionTime(this.ports.clock.now());
    const lastUpdated = await this.versions.of(client, group.id, content.digest(), now);
    const resource = groupResource({
      ...common,
      versionId: String(lastUpdated),
      lastUpdated: instant(lastUpdated),
      members,
      summary,
    });
    return { resource, members: members.map((m) => m.member), lastUpdated };
  }
}

/** What a Group says about itself for every client. */
export function headOf(group: ClientGroup): Pick<GroupInput, 'id' | 'providerNpi' | 'tin' | 'contract'> {
  const npi = valueOf(group.providers, 'npi|');
  const tin = valueOf(group.providers, 'tin|');
  return {
    id: group.id,
    ...(npi !== undefined && { providerNpi: npi }),
    ...(tin !== undefined && { tin }),
    ...(group.contract !== undefined && { contract: group.contract }),
  };
}
