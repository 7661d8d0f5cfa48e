import { Inject, Injectable } from '@nestjs/common';
import { partyKnownAt, providersAt } from '@provider-access/domain/access';
import {
  type DeniedGroup,
  Facts,
  GroupLists,
  ListHeads,
  type ListReaders,
  listReaders,
  membersOfGroups,
  type NamedGroup,
  purposeOfList,
} from '@provider-access/facts';
import { type FhirResource, nextTurn } from '@provider-access/fhir';
import { instant, Refusal } from '@provider-access/kernel';
import { PORTS, type ServicePorts } from '@provider-access/service/http';
import { providerOf } from '@provider-access/domain/pdex';
import { CONFIG, type AttributionConfig } from '../config.ts';
import { GroupVersions } from './group-versions.ts';
import { resourceOf } from './matched-resource.ts';
import { VisibleList } from './visible-list.ts';
import { WithheldPatients } from './withheld-patients.ts';

export type ClientGroup = NamedGroup;
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

/** The Groups of a client (`GroupLists`), with what it may see of their members. */
@Injectable()
export class GroupView {
  private readonly readers: ListReaders;
  private readonly versions: GroupVersions;
  constructor(
    @Inject(PORTS) private readonly ports: ServicePorts,
    @Inject(Facts) private readonly facts: Facts,
    @Inject(CONFIG) private readonly config: AttributionConfig,
    @Inject(GroupLists) private readonly lists: GroupLists,
    @Inject(ListHeads) private readonly heads: ListHeads,
    @Inject(WithheldPatients) private readonly patients: WithheldPatients,
  ) {
    this.readers = listReaders(ports.views);
    this.versions = new GroupVersions(ports.state, config.boundMs);
  }

  /** In the order of ids. @throws FactsStale */
  async ofClient(client: string): Promise<readonly ClientGroup[]> {
    this.facts.access.assertFresh();
    return this.heads.named(client, await this.lists.ofClient(client));
  }

  /** The caller gives one answer for every denial, so that nobody can tell them apart. @throws FactsStale */
  async one(client: string, id: string): Promise<ClientGroup | DeniedGroup> {
    this.facts.access.assertFresh();
    const group = await this.lists.one(client, id);
    return 'denied' in group ? group : (await this.heads.named(client, [group]))[0]!;
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
    const payer = await this.heads.payer(client);
    const head = { ...group.head, payer };
    const resource = resourceOf(group, payer, this.config.publicUrl);
    for (;;) {
      const seen = await this.versions.last(client, group.id);
      const list = new VisibleList(providerOf(head), seen, this.config.boundMs);
      const now = this.facts.parties.decisionTime(this.ports.clock.now());
      for await (const { listed, withheld } of this.pages(client, group)) {
        for (const [member, one] of listed) {
          list.add(member, one, withheld.has(member));
          if (list.quantity > most && summary === false) throw new Refusal('too-costly', tooLarge(most));
          if (summary === true || list.quantity > most) list.forget();
        }
      }
      const { quantity } = list;
      const { providers } = group;
      const party = this.facts.parties.client(client);
      const known = Math.max(
        partyKnownAt(this.facts.parties, party, { providers, sources: list.sources }, now),
        ...[group.openedAt, group.changedAt ?? group.openedAt].map((at) => Date.parse(at)),
      );
      // The members are in the hash already. A summary has the version of the whole Group.
      const shown = resource({ quantity, versionId: '', lastUpdated: '', members: [] });
      const visible = list.visible(
        shown,
        [
          party && providersAt(party, now),
          { ...head, facts: undefined, contract: undefined },
          ...(group.parts.length > 1 ? [group.parts] : []),
        ],
        now,
        known,
      );
      const version = await this.versions.of(client, group.id, seen, visible);
      if (version === undefined) continue;
      const isTooLarge = quantity > most && summary !== true;
      const members = list.members(version);
      const rendered = resource({
        quantity,
        versionId: String(version.at),
        lastUpdated: instant(version.at),
        members,
        summary: summary === true || isTooLarge,
      });
      return {
        id: group.id,
        resource: rendered,
        members: members.map((m) => m.member),
        lastUpdated: version.at,
        isTooLarge,
      };
    }
  }

  /** The members of a Group in pages, ended memberships included, with the decision about each. */
  private async *pages(client: string, group: ClientGroup) {
    let page: string[] = [];
    const purpose = purposeOfList('group', group, group.id);
    const decided = async () => {
      const listed = await this.facts.access.listMany(client, purpose, page);
      const permitted = page.filter((_, i) => listed[i]!.decision.permit);
      const withheld = await this.patients.withheld(client, permitted);
      return { listed: page.map((member, i) => [member, listed[i]!] as const), withheld };
    };
    let isFirst = true;
    for await (const member of membersOfGroups(this.readers, group.parts, PAGE)) {
      page.push(member);
      if (page.length < PAGE) continue;
      // A large Group is many decisions, so the rest of the process goes on between two pages.
      if (!isFirst) await nextTurn();
      isFirst = false;
      yield await decided();
      page = [];
    }
    if (page.length > 0) yield await decided();
  }
}

const tooLarge = (most: number): string => `This Group has more than ${most} members. ${INSTEAD}`;
/** What a client can do about a Group that is too large. */
export const INSTEAD =
  'Read it with _summary=true, which gives the number of members. ' +
  'Group/[id]/$export?_type=Patient gives the Patient of each member.';
