import { Inject, Injectable } from '@nestjs/common';
import { coverageLacks, type ListLacks, patientLacks } from '@provider-access/domain/pdex/feeds';
import type { ViewReader } from '@provider-access/engines/views';
import { Facts, type GroupPart, groups, memberships, type MembershipPart } from '@provider-access/facts';
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
    for (let group = await this.following(after); group !== undefined; group = await this.following(group)) {
      if (seen >= most) return { lists, next: lists.at(-1)!.group };
      const { providers, contract } = (await this.groups.get(group))!['group'] as GroupPart;
      const { members, lacking, lacks } = await this.tally(group);
      seen += members;
      const counts = [...lacks].map(([element, count]) => ({ element, count }));
      lists.push({
        ...{ group, providers, members, lacking },
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

  private async tally(group: string): Promise<Tally> {
    const tally: Tally = { members: 0, lacking: 0, lacks: new Map() };
    let page: string[] = [];
    for await (const doc of this.memberships.scan({ index: 'by_group', equals: [group], pageSize: TOGETHER })) {
      page.push((doc['membership'] as MembershipPart).member);
      if (page.length < TOGETHER) continue;
      await this.count(group, page, tally);
      await nextTurn();
      page = [];
    }
    await this.count(group, page, tally);
    return tally;
  }

  private async count(group: string, members: readonly string[], tally: Tally): Promise<void> {
    if (members.length === 0) return;
    const now = this.facts.parties.decisionTime(this.ports.clock.now());
    const facts = await this.facts.access.factsOfMany(members);
    const listed = members.flatMap((member, i) => {
      const found = facts[i]?.attributions.find(
        ({ group: of, from, to }) => of === group && Date.parse(from) <= now && (!to || now < Date.parse(to)),
      );
      return found === undefined ? [] : [{ member, coverageId: found.coverageId }];
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
