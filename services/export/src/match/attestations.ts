import { hash } from 'node:crypto';
import { Inject, Injectable } from '@nestjs/common';
import { Audit } from '@provider-access/audit';
import type { NewRecord } from '@provider-access/engines/log';
import { encodeEvent, PA_ATTESTATIONS, recordedAtOrLater } from '@provider-access/events';
import { Facts, FactsStale } from '@provider-access/facts';
import { type Job, JobStarts } from '@provider-access/jobs';
import { instant } from '@provider-access/kernel';
import { PORTS, type ServicePorts } from '@provider-access/service/http';
import { CONFIG, type ExportConfig } from '../config.ts';
import { periodOf } from './attesting.ts';
import type { Ended, Matched } from './judged.ts';

/** What a match leaves in the log. */
export interface Attested {
  readonly matched: readonly Matched[];
  readonly ended: readonly Ended[];
  readonly submitted: number;
  /** Version of the policy at the request. */
  readonly policy: string;
}

/** The same for each attempt of a step, so that readers know a repeated event. */
const idOf = (...parts: readonly string[]): string => hash('sha256', JSON.stringify(parts), 'hex').slice(0, 32);

/**
 * Appends what a match attests and ends, with an entry in the audit for each member (M37), and waits until the
 * facts have passed it. All of it counts as recorded no earlier than the newest transactionTime, so that a delta since
 * an earlier export has newly matched members whole (M74, ADR 0023).
 */
@Injectable()
export class Attestations {
  constructor(
    @Inject(PORTS) private readonly ports: Pick<ServicePorts, 'log' | 'clock'>,
    @Inject(CONFIG) private readonly config: Pick<ExportConfig, 'waitMs'>,
    @Inject(Facts) private readonly facts: Facts,
    @Inject(Audit) private readonly audit: Audit,
    @Inject(JobStarts) private readonly starts: Pick<JobStarts, 'newestTime'>,
  ) {}

  /** @throws FactsStale, or EngineUnavailable. Another attempt appends the same events. */
  async append(job: Job, of: Attested): Promise<void> {
    const members = distinct(of.matched, ({ member }) => member);
    await Promise.all(members.map((one) => this.note(job, one)));
    const headers = recordedAtOrLater(await this.starts.newestTime());
    const records = [
      ...members.map((one) => this.attested(job, one)),
      ...distinct(of.ended, ({ member, group }) => `${member} ${group}`).map((one) => this.end(job, one)),
      // Behind the attestations: whoever reads of the Group has its members.
      this.result(job, of, members),
    ];
    const { log } = this.ports;
    await log.append(
      PA_ATTESTATIONS,
      records.map((record) => ({ ...record, headers: { ...record.headers, ...headers } })),
    );
    const passed = await this.facts.reader.waitFor(await log.head([PA_ATTESTATIONS]), this.config.waitMs);
    if (!passed) throw new FactsStale();
  }

  /** Who attested whom, when, and what accepted it. */
  private async note({ job, client, group }: Job, { member, npi, attestedAt, policy }: Matched): Promise<void> {
    await this.audit.record({
      client,
      action: 'export-requested',
      outcome: 'released',
      members: [member],
      resources: 0,
      group,
      job,
      query: `attested-by=${npi}&attested-at=${attestedAt}&policy=${policy}`,
    });
  }

  private attested(job: Job, { member, npi, attestedAt, policy }: Matched): NewRecord {
    const { client, group } = job;
    return this.event(job, {
      id: idOf(job.job, member),
      type: 'pa.member-attested.v1',
      subject: member,
      data: { member, group, client, npi, ...periodOf(job), attestedAt, policy, job: job.job },
    });
  }
  private end(job: Job, { member, group }: Ended): NewRecord {
    const { client, requestedAt: at } = job;
    return this.event(job, {
      id: idOf(job.job, 'end', group, member),
      type: 'pa.attestation-ended.v1',
      subject: member,
      data: { member, group, client, reason: 'entered-in-error', at },
    });
  }
  private result(job: Job, { submitted, policy, matched }: Attested, members: readonly Matched[]): NewRecord {
    const { client, group } = job;
    const npis = [...new Set(matched.map(({ npi }) => npi))].toSorted();
    return this.event(job, {
      id: idOf(job.job),
      type: 'pa.members-matched.v1',
      subject: group,
      data: { group, client, npis, ...periodOf(job), policy, job: job.job, submitted, matched: members.length },
    });
  }

  private event(
    { traceparent }: Job,
    of: {
      readonly id: string;
      readonly type: string;
      readonly subject: string;
      readonly data: object;
    },
  ): NewRecord {
    const about = { source: 'urn:provider-access:export', time: instant(this.ports.clock.now()) };
    return encodeEvent({ ...about, ...of, ...(traceparent !== undefined && { traceparent }) });
  }
}

const distinct = <T>(all: readonly T[], keyOf: (one: T) => string): readonly T[] => [
  ...new Map(all.map((one) => [keyOf(one), one] as const)).values(),
];
