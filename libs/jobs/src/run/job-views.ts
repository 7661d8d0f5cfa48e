import { Inject, Injectable } from '@nestjs/common';
import type { Position } from '@provider-access/engines/log';
import type { ViewReader } from '@provider-access/engines/views';
import {
  PA_ATTESTATIONS,
  PA_ATTRIBUTION,
  PA_CONSENT,
  PA_GROUPS,
  PA_MEMBERS,
  PA_PROVIDERS,
  PA_REGISTRY,
  PAYER_MEMBER_EVENTS,
} from '@provider-access/events';
import {
  attested,
  Facts,
  FactsStale,
  GroupLists,
  groups,
  type ListReaders,
  listReaders,
  MEMBER_DERIVERS,
  membersOfGroups,
  memberships,
  type OwnedGroup,
} from '@provider-access/facts';
import { RecordsReader } from '@provider-access/records';
import { Refusal } from '@provider-access/kernel';
import { PORTS, type ServicePorts } from '@provider-access/service/http';
import { JOBS_CONFIG, type JobsConfig } from '../config.ts';
import { type Job, positionsOf } from '../domain/job.ts';

/** The views that an export reads. Other services keep them up. */
@Injectable()
export class JobViews {
  readonly records: RecordsReader;
  private readonly memberships: ViewReader;
  private readonly attested: ViewReader;
  private readonly groups: ViewReader;
  private readonly readers: ListReaders;

  constructor(
    @Inject(PORTS) private readonly ports: ServicePorts,
    @Inject(JOBS_CONFIG) private readonly config: JobsConfig,
    @Inject(Facts) private readonly facts: Facts,
    @Inject(GroupLists) private readonly lists: GroupLists,
  ) {
    this.records = new RecordsReader(ports.views);
    this.memberships = ports.views.reader(memberships);
    this.attested = ports.views.reader(attested);
    this.readers = listReaders(ports.views);
    this.groups = ports.views.reader(groups);
  }

  /** The present heads of the payer's topics. */
  payerHead(): Promise<Position> {
    return this.facts.access.payerHead();
  }

  /** True once records, facts and memberships have passed these positions of payer topics, false after `waitMs`. */
  async passed(positions: Position): Promise<boolean> {
    const { waitMs } = this.config;
    const members = { [PAYER_MEMBER_EVENTS]: positions[PAYER_MEMBER_EVENTS] ?? [] };
    const all = await Promise.all([
      this.records.views.records.waitFor(positions, waitMs, ['resources']),
      this.facts.access.waitForPayer(positions, waitMs),
      this.memberships.waitFor(
        members,
        waitMs,
        MEMBER_DERIVERS.filter((d) => d === 'attribution'),
      ),
    ]);
    return all.every(Boolean);
  }

  /**
   * The list of which this Group is, after the view of Groups has passed the present head. A Group is in the log before
   * the first attribution to it, so after `passed` no part is missing that an exported member has. Undefined if the
   * Group does not exist for the client any more.
   * @throws Refusal 503 if the view does not pass in time
   */
  async listOf(client: string, group: string): Promise<OwnedGroup | undefined> {
    if (!(await this.groups.waitFor(await this.ports.log.head([PA_GROUPS]), this.config.waitMs)))
      throw new Refusal('unavailable', 'The view of Groups has not passed the newest events yet. Repeat the request.', {
        retryAfter: 2,
      });
    const list = await this.lists.one(client, group);
    return 'denied' in list ? undefined : list;
  }

  /**
   * Everybody who was ever in one of these Groups, attributed or attested.
   * @throws Refusal while the view of attestations has not passed the newest ones. The step then waits without a limit.
   */
  async membersOf(ids: readonly string[]): Promise<AsyncGenerator<string>> {
    if (!(await this.attested.waitFor(await this.ports.log.head([PA_ATTESTATIONS]), this.config.waitMs)))
      throw new Refusal('unavailable', 'The view of attestations has not passed the newest ones yet.');
    return membersOfGroups(this.readers, ids, 500);
  }

  /**
   * Each step of a job checks the positions of its kick-off, because a view may be lost or rebuilt in between, and its
   * missing data would be missing from the files without a warning.
   * @throws Refusal while a view has not passed them. The step then waits without a limit.
   */
  async assertPassed(job: Pick<Job, 'positions' | 'ask' | 'within'>): Promise<void> {
    const positions = positionsOf(job);
    const { search } = this.records.views;
    // The filters of a job and its scopes find their candidates by the index of keys.
    const asksKeys = job.ask !== undefined || job.within !== undefined;
    const keys = !asksKeys || (await search.waitFor(positions, this.config.waitMs, ['resources']));
    if (!keys || !(await this.passed(positions)))
      throw new Refusal('unavailable', 'A view that exports read has not passed the kick-off yet.');
  }

  /** Waits until the facts have passed the present heads of the log. @throws FactsStale if they do not in time */
  async assertNewestFacts(): Promise<void> {
    const { log } = this.ports;
    const { waitMs } = this.config;
    const { access, parties, reader } = this.facts;
    const payer = await access.payerHead();
    const ours = await log.head([PA_CONSENT, PA_ATTRIBUTION, PA_MEMBERS, PA_ATTESTATIONS]);
    // Clients, networks and holds of sources are in the memory of this process. Another process may have acknowledged a
    // newer change, so wait for these topics too.
    const party = await log.head([PA_REGISTRY, PA_PROVIDERS, PA_CONSENT, PA_ATTRIBUTION, PA_ATTESTATIONS]);
    const passed = await Promise.all([
      access.waitForPayer(payer, waitMs),
      reader.waitFor(ours, waitMs),
      parties.waitFor(party, waitMs),
    ]);
    if (!passed.every(Boolean)) throw new FactsStale();
  }
}
