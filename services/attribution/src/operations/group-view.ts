import { Inject, Injectable } from '@nestjs/common';
import { type GroupDenial, groupDenial } from '@provider-access/domain/access';
import { NPI_SYSTEM, type ProviderKey, TIN_SYSTEM } from '@provider-access/events';
import { Facts, type GroupPart, groups, memberships, type MembershipPart } from '@provider-access/facts';
import { type FhirResource, isId } from '@provider-access/kernel/fhir';
import { instant, Refusal } from '@provider-access/kernel';
import { PORTS, type ServicePorts } from '@provider-access/service/http';
import { type GroupMember, groupResource } from '@provider-access/domain/pdex';
import type { ViewDocument, ViewReader } from '@provider-access/engines/views';
import { CONFIG, type AttributionConfig } from '../config.ts';
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
  constructor(
    @Inject(PORTS) private readonly ports: ServicePorts,
    @Inject(Facts) private readonly facts: Facts,
    @Inject(CONFIG) private readonly config: AttributionConfig,
    @Inject(ManagingEntity) private readonly managingEntity: ManagingEntity,
  ) {
    this.groups = ports.views.reader(groups);
    this.memberships = ports.views.reader(memberships);
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
    let lastUpdated = Date.parse(group.openedAt);
    let page: string[] = [];
    let quantity = 0;
    const decidePage = async (): Promise<void> => {
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
        const attribution = decision.attributions[0]!;
        lastUpdated = Math.max(lastUpdated, Date.parse(attribution.recordedAt));
        if (summary) return;
        const { from, to, coverageId } = attribution;
        const end = to !== undefined && { to: lastMoment(to) };
        members.push({ member: page[i]!, from, ...end, ...(coverageId !== undefined && { coverageId }) });
      });
      page = [];
    };
    for await (const doc of this.memberships.scan({ index: 'by_group', equals: [group.id], pageSize: PAGE })) {
      page.push((doc['membership'] as MembershipPart).member);
      if (page.length === PAGE) await decidePage();
    }
    if (page.length > 0) await decidePage();
    const npi = valueOf(group.providers, 'npi|');
    const tin = valueOf(group.providers, 'tin|');
    const resource = groupResource({
      id: group.id,
      versionId: String(lastUpdated),
      lastUpdated: new Date(lastUpdated).toISOString(),
      members,
      quantity,
      summary,
      ...(npi !== undefined && { providerNpi: npi }),
      ...(tin !== undefined && { tin }),
      ...(group.contract !== undefined && { contract: group.contract }),
      payer: await this.managingEntity.of(client),
    });
    return { resource, members: members.map((m) => m.member), lastUpdated };
  }
}

/** Identifiers by which a Group can be searched. */
export function identifiersOf(
  group: ClientGroup,
): readonly { readonly system: string | undefined; readonly value: string }[] {
  const npi = valueOf(group.providers, 'npi|');
  const tin = valueOf(group.providers, 'tin|');
  return [
    ...(npi === undefined ? [] : [{ system: NPI_SYSTEM, value: npi }]),
    ...(tin === undefined ? [] : [{ system: TIN_SYSTEM, value: tin }]),
    ...(group.contract === undefined ? [] : [{ system: undefined, value: group.contract }]),
  ];
}
