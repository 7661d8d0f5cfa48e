import { Inject, Injectable } from '@nestjs/common';
import type { GroupPayer } from '@provider-access/domain/pdex';
import { Facts, ListHeads } from '@provider-access/facts';
import { DECIDE_BATCH, type Job, JobViews, Turns } from '@provider-access/jobs';
import { instant } from '@provider-access/kernel';
import { LabelGate, recordId } from '@provider-access/records';
import { PORTS, type ServicePorts } from '@provider-access/service/http';
import { decideAttested } from './attesting.ts';
import type { Matched } from './judged.ts';

/** Decides about members who were matched, on the facts of the moment. */
@Injectable()
export class MatchDecisions {
  constructor(
    @Inject(PORTS) private readonly ports: Pick<ServicePorts, 'clock'>,
    @Inject(Facts) private readonly facts: Facts,
    @Inject(LabelGate) private readonly labels: LabelGate,
    @Inject(JobViews) private readonly views: JobViews,
    @Inject(ListHeads) private readonly heads: ListHeads,
  ) {}

  /** The payer as a Group names it. */
  payer(client: string): Promise<GroupPayer> {
    return this.heads.payer(client);
  }

  /** The members who are still opened, and whose Patient no label withholds. @throws FactsStale */
  async stillOpen(job: Job, all: readonly { readonly matched: Matched }[]): Promise<ReadonlySet<string>> {
    const open = new Set<string>();
    const turns = new Turns();
    const { access, parties } = this.facts;
    for (let i = 0; i < all.length; i += DECIDE_BATCH) {
      await turns.next();
      const batch = all.slice(i, i + DECIDE_BATCH).map(({ matched }) => matched);
      const facts = await access.factsOfMany(batch.map(({ member }) => member));
      const now = instant(this.ports.clock.now());
      const permitted = batch.filter(
        (one, at) => decideAttested(job, { ...one, facts: facts[at] }, { parties, now }).permit,
      );
      for (const member of await this.unwithheld(job.client, permitted)) open.add(member);
    }
    return open;
  }

  private async unwithheld(client: string, all: readonly Matched[]): Promise<readonly string[]> {
    const check = this.labels.check(this.facts.parties, client);
    const members = all.map(({ member }) => member);
    const heads = await this.views.records.heads(members.map((member) => recordId(member, 'Patient', member)));
    const living = heads.filter((head) => head !== undefined && head.deleted !== true).map((head) => head!);
    const withheld = await check.withheldEach(living);
    const gone = new Set(living.filter((_, at) => withheld[at] === true).map(({ member }) => member));
    return members.filter((member) => !gone.has(member));
  }
}
