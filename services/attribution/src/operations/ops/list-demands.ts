import { Inject, Injectable } from '@nestjs/common';
import { listEntry } from '@provider-access/domain/pdex';
import { coverageLacks, type ListLacks, patientLacks } from '@provider-access/domain/pdex/feeds';
import type { ViewReader } from '@provider-access/engines/views';
import {
  Facts,
  GroupLists,
  type GroupPart,
  groups,
  memberships,
  membersOfGroups,
  type MembershipPart,
  type OpenedGroup,
} from '@provider-access/facts';
import { type FhirResource, nextTurn } from '@provider-access/fhir';
import { recordId, RecordsReader, type StoredRecord } from '@provider-access/records';
import { PORTS, type ServicePorts } from '@provider-access/service/http';

/** Members in memory at once, each with two resources. */
const TOGETHER = 100;

interface Tally {
  members: number;
  lacking: number;
  readonly lacks: Map<string, number>;
}

/** Compares the Patients and Coverages of lists with what ATR demands of them (A16). Nobody's data is in the result. */
@Injectable()
export class ListDemands {
  private readonly groups: ViewReader;
  private readonly memberships: ViewReader;
  private readonly records: RecordsReader;
  constructor(
    @Inject(PORTS) private readonly ports: Pick<ServicePorts, 'views' | 'clock'>,
    @Inject(Facts) private readonly facts: Facts,
    @Inject(GroupLists) private readonly joined: GroupLists,
  ) {
    const { views } = ports;
    this.groups = views.reader(groups);
    this.memberships = views.reader(memberships);
    this.records = new RecordsReader(views);
  }

  /**
   * The next lists in the order of their ids, until they have `most` members.
   * @param after the last list of the page before
   * @throws FactsStale
   */
  async page(most: number, after?: string): Promise<{ readonly lists: readonly ListLacks[]; readonly next?: string }> {
    const lists: ListLacks[] = [];
    let seen = 0;
    let last = '';
    for (let group = await this.following(after); group !== undefined; group = await this.following(group)) {
      if (seen >= most) return { lists, next: last };
      last = group;
      const parts = await this.joined.parts({ ...((await this.groups.get(group))!['group'] as GroupPart), id: group });
      if (await this.isReported(group, parts)) continue;
      const [{ id, contract }] = parts as readonly [OpenedGroup];
      const providers = [...new Set(parts.flatMap((part) => part.providers))].toSorted();
      const { members, lacking, lacks } = await this.tally(parts.map((part) => part.id));
      seen += members;
      const counts = [...lacks].map(([element, count]) => ({ element, count }));
      lists.push({
        ...{ group: id, providers, members, lacking },
        ...(contract !== undefined && { contract }),
        lacks: counts.toSorted((a, b) => b.count - a.count || (a.element < b.element ? -1 : 1)),
      });
    }
    return { lists };
  }

  /** The next Group that ever had a member. */
  private async following(after: string | undefined): Promise<string | undefined> {
    const range = after === undefined ? {} : { range: { gt: after } };
    const [found] = await this.memberships.find({ index: 'by_group', ...range, limit: 1 });
    return (found?.['membership'] as MembershipPart | undefined)?.group;
  }

  /** Whether the list stands under another part, which came before in the order of ids (ADR 0098). */
  private async isReported(group: string, parts: readonly OpenedGroup[]): Promise<boolean> {
    const before = parts.find(({ id }) => id < group);
    if (before === undefined) return false;
    return (await this.memberships.find({ index: 'by_group', equals: [before.id], limit: 1 })).length > 0;
  }

  private async tally(groups: readonly string[]): Promise<Tally> {
    const tally: Tally = { members: 0, lacking: 0, lacks: new Map() };
    let page: string[] = [];
    for await (const member of membersOfGroups([{ reader: this.memberships, part: 'membership' }], groups, TOGETHER)) {
      page.push(member);
      if (page.length < TOGETHER) continue;
      await this.count(groups, page, tally);
      await nextTurn();
      page = [];
    }
    await this.count(groups, page, tally);
    return tally;
  }

  private async count(groups: readonly string[], members: readonly string[], tally: Tally): Promise<void> {
    if (members.length === 0) return;
    const now = this.facts.parties.decisionTime(this.ports.clock.now());
    const facts = await this.facts.access.factsOfMany(members);
    const listed = members.flatMap((member, i) => {
      const inForce = (facts[i]?.attributions ?? []).filter(
        ({ group, from, to }) => groups.includes(group) && Date.parse(from) <= now && (!to || now < Date.parse(to)),
      );
      return inForce.length === 0 ? [] : [{ member, coverageId: listEntry(member, inForce, now).coverageId }];
    });
    const patients = await this.load(listed.map(({ member }) => recordId(member, 'Patient', member)));
    const named = listed.filter(({ coverageId }) => coverageId !== undefined);
    const coverages = await this.load(named.map(({ member, coverageId }) => recordId(member, 'Coverage', coverageId!)));
    const coverageOf = new Map(named.map(({ member }, i) => [member, coverages[i]]));
    for (const [i, { member, coverageId }] of listed.entries()) {
      const ofCoverage = coverageId === undefined ? ['coverageId'] : coverageLacks(coverageOf.get(member));
      const lacks = [...patientLacks(patients[i]), ...ofCoverage];
      tally.members++;
      if (lacks.length > 0) tally.lacking++;
      for (const element of lacks) tally.lacks.set(element, (tally.lacks.get(element) ?? 0) + 1);
    }
  }

  private async load(ids: readonly string[]): Promise<readonly (FhirResource | undefined)[]> {
    return (await this.records.load(ids)).map(resourceOf);
  }
}

const resourceOf = (record: StoredRecord | undefined): FhirResource | undefined =>
  record === undefined || record.deleted === true
    ? undefined
    : (JSON.parse(Buffer.from(record.line).toString('utf8')) as FhirResource);
