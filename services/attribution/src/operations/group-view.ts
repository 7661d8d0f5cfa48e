import { Inject, Injectable } from '@nestjs/common';
import { type GroupDenial, groupDenial } from '@provider-access/domain/access';
import type { ProviderKey } from '@provider-access/events';
import { Facts, type GroupPart, groups, memberships, type MembershipPart } from '@provider-access/facts';
import { type FhirResource, isId, nextTurn } from '@provider-access/fhir';
import { instant, Refusal } from '@provider-access/kernel';
import { PORTS, type ServicePorts } from '@provider-access/service/http';
import {
  type GroupInput,
  type GroupMember,
  groupMember,
  type GroupPayer,
  groupResource,
} from '@provider-access/domain/pdex';
import { allows, readGranted } from '@provider-access/domain/smart';
import type { ViewDocument, ViewReader } from '@provider-access/engines/views';
import { CONFIG, type AttributionConfig } from '../config.ts';
import { ContentHash, GroupVersions } from './group-versions.ts';
import { PayerDirectory } from './payer-directory.ts';

export interface ClientGroup extends GroupPart {
  readonly id: string;
  /** Of the provider, if the directory names it for the client. */
  readonly providerName?: string | undefined;
}
/** Why the Group does not exist for the client. */
export interface DeniedGroup {
  readonly denied: GroupDenial | 'group-unknown';
}
/** A Group in the form in which one client may see it now. */
export interface VisibleGroup {
  readonly id: string;
  readonly resource: FhirResource;
  readonly members: readonly string[];
  readonly lastUpdated: number;
  /** It has more members than are left for the answer, and comes without them. */
  readonly isTooLarge: boolean;
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
  /** The payer by an identifier and its name. Empty if nothing is configured that a client could use. */
  private readonly payer: GroupPayer;
  constructor(
    @Inject(PORTS) private readonly ports: ServicePorts,
    @Inject(Facts) private readonly facts: Facts,
    @Inject(CONFIG) private readonly config: AttributionConfig,
    @Inject(PayerDirectory) private readonly directory: PayerDirectory,
  ) {
    this.groups = ports.views.reader(groups);
    this.memberships = ports.views.reader(memberships);
    this.versions = new GroupVersions(ports.state.streams);
    const { payerIdentifiers = [], payerName: display } = config;
    const [system, value] = payerIdentifiers.find((text) => text.includes('|'))?.split('|') ?? [];
    this.payer = { identifier: system && value ? { system, value } : undefined, display };
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
    const all = [...found.values()].sort((a, b) => (a.id < b.id ? -1 : 1));
    return this.named(client, all);
  }

  /** The caller gives one answer for every denial, so that nobody can tell them apart. @throws FactsStale */
  async one(client: string, id: string): Promise<ClientGroup | DeniedGroup> {
    this.facts.access.assertFresh();
    const doc = isId(id) ? await this.groups.get(id) : undefined;
    const group = doc === undefined ? { denied: 'group-unknown' as const } : this.admit(doc, client);
    return 'denied' in group ? group : (await this.named(client, [group]))[0]!;
  }

  private async named(client: string, groups: readonly ClientGroup[]): Promise<readonly ClientGroup[]> {
    const names = await this.directory.namesOf(
      client,
      groups.flatMap(({ providers }) => providers),
    );
    // The NPI comes first, because a TIN may name the practice of several providers.
    const nameOf = ({ providers }: ClientGroup): string | undefined =>
      providers
        .toSorted()
        .map((provider) => names.get(provider))
        .find((name) => name !== undefined);
    return groups.map((group) => ({ ...group, providerName: nameOf(group) }));
  }

  private admit(doc: ViewDocument, client: string): ClientGroup | DeniedGroup {
    const group = doc['group'] as GroupPart;
    const { parties } = this.facts;
    const denied = groupDenial(client, group.providers, parties, parties.decisionTime(this.ports.clock.now()));
    return denied === undefined ? { ...group, id: doc._id } : { denied };
  }

  /**
   * Decides for every member now. The quantity counts only permitted ones.
   * @param summary `when-large`: only if the Group has more than `most` members
   * @throws FactsStale, Refusal too-costly
   */
  async render(
    client: string,
    group: ClientGroup,
    summary: boolean | 'when-large',
    most = this.config.maxGroupMembers,
  ): Promise<VisibleGroup> {
    let members: GroupMember[] = [];
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
        const isLarge = quantity > most;
        if (isLarge && summary === false) throw new Refusal('too-costly', tooLarge(most));
        if (isLarge) members = [];
        const { from, to, coverageId } = decision.attributions[0]!;
        const end = to !== undefined && { to: lastMoment(to) };
        const member = { member: page[i]!, from, ...end, ...(coverageId !== undefined && { coverageId }) };
        content.add(groupMember(member));
        if (summary !== true && !isLarge) members.push(member);
      });
      page = [];
    };
    for await (const doc of this.memberships.scan({ index: 'by_group', equals: [group.id], pageSize: PAGE })) {
      page.push((doc['membership'] as MembershipPart).member);
      if (page.length === PAGE) await decidePage();
    }
    if (page.length > 0) await decidePage();
    const isTooLarge = quantity > most && summary !== true;
    const common = { ...headOf(group, this.config.publicUrl), quantity, payer: await this.payerFor(client) };
    // The members are in the hash already. A summary has the version of the whole Group.
    content.add(groupResource({ ...common, versionId: '', lastUpdated: '', members: [] }));
    const now = this.facts.parties.decisionTime(this.ports.clock.now());
    const lastUpdated = await this.versions.of(client, group.id, content.digest(), now);
    const resource = groupResource({
      ...common,
      versionId: String(lastUpdated),
      lastUpdated: instant(lastUpdated),
      members,
      summary: summary === true || isTooLarge,
    });
    return { id: group.id, resource, members: members.map((m) => m.member), lastUpdated, isTooLarge };
  }

  /**
   * The payer as `Group.managingEntity` names it. A reference must resolve: it is there only if the payer published its
   * Organization, no label withholds that, and the scope of the client covers the type. The registered scope counts and
   * not that of the token, so that a Group has one content for a client.
   */
  private async payerFor(client: string): Promise<GroupPayer> {
    const { payerOrganization: reference } = this.config;
    const scope = readGranted(this.facts.parties.client(client)?.scope ?? '');
    if (!allows(scope, 'Organization', 'r')) return this.payer;
    const readable = await this.directory.readable(client, [reference]);
    return readable.length === 0 ? this.payer : { reference, ...this.payer };
  }
}

const tooLarge = (most: number): string => `This Group has more than ${most} members. ${INSTEAD}`;
/** What a client can do about a Group that is too large. */
export const INSTEAD =
  'Read it with _summary=true, which gives the number of members. ' +
  'Group/[id]/$export?_type=Patient gives the Patient of each member.';

/** What a Group says about itself, without its members. */
export function headOf(
  group: ClientGroup,
  publicUrl: string,
): Pick<GroupInput, 'id' | 'providerNpi' | 'tin' | 'contract' | 'providerName'> {
  const { id, providers, providerName, contract: value } = group;
  // The payer numbers its contracts, and its events name no system for the numbers.
  const contract = value === undefined ? undefined : { system: `${publicUrl}/contracts`, value };
  return { id, providerNpi: valueOf(providers, 'npi|'), tin: valueOf(providers, 'tin|'), providerName, contract };
}
