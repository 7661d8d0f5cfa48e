import { Inject, Injectable } from '@nestjs/common';
import { Audit } from '@provider-access/audit';
import type { ViewReader } from '@provider-access/engines/views';
import type { RefusalReason } from '@provider-access/events';
import { Refusal } from '@provider-access/kernel';
import { PORTS, type ServicePorts } from '@provider-access/service/http';
import { JOBS_CONFIG, type JobsConfig } from '../config.ts';
import { expiresAt } from '../domain/job.ts';
import { exportJobs, getJob, type JobPart, keptJob } from '../jobs-view.ts';
import { type JobWords, KINDS, type Kinds } from '../run/job-kind.ts';

/** The form of our job ids: base32 of 128 bits. Text of another form needs no query. */
const JOB_ID = /^[a-z2-7]{26}$/;

/** The jobs of a client, as its requests find them. */
@Injectable()
export class OwnJobs {
  private readonly jobs: ViewReader;
  constructor(
    @Inject(PORTS) private readonly ports: ServicePorts,
    @Inject(JOBS_CONFIG) private readonly config: JobsConfig,
    @Inject(Audit) private readonly audit: Audit,
    @Inject(KINDS) private readonly kinds: Pick<Kinds, 'of'>,
  ) {
    this.jobs = ports.views.reader(exportJobs);
  }

  /** How the client reads of the job. */
  wordsOf(job: Pick<JobPart, 'match'>): JobWords {
    return this.kinds.of(job).words;
  }

  /** Only for whoever may have the job: it may come from memory. */
  async current(id: string): Promise<JobPart | undefined> {
    return keptJob(this.jobs, id) ?? getJob(this.jobs, id);
  }

  /**
   * The client's own job. Only a job that is found comes from memory: whatever is refused costs the query of an unknown
   * one. @throws Refusal 404
   */
  async find(client: string, id: string): Promise<JobPart> {
    const job = JOB_ID.test(id) ? (this.openInMemory(client, id) ?? (await getJob(this.jobs, id))) : undefined;
    if (job === undefined) return this.refuse(client, 'export-unknown');
    if (job.client !== client) return this.refuse(client, 'export-of-another', job);
    if (this.isGone(job)) return this.refuse(client, 'export-gone', job);
    this.ports.tracing?.link(job.traceparent);
    return job;
  }
  private openInMemory(client: string, id: string): JobPart | undefined {
    const job = keptJob(this.jobs, id);
    return job?.client === client && !this.isGone(job) ? job : undefined;
  }
  private isGone(job: JobPart): boolean {
    const ended = (expiresAt(job, this.config.keepMs) ?? Infinity) <= this.ports.clock.now();
    return ended || job.status === 'cancelled' || job.status === 'expired';
  }

  /**
   * Gives the same answer for a job or file that is unknown, deleted, expired or of another client. Each of them is
   * audited, so that the time does not tell them apart either. The audit names a job that exists, and keeps no text
   * that the client made up. @throws Refusal 404
   */
  async refuse(client: string, reason: RefusalReason, of?: Pick<JobPart, 'job' | 'group'>): Promise<never> {
    const about = of === undefined ? {} : { job: of.job, group: of.group };
    await this.audit.refuse({ client, action: 'download', reason, ...about });
    throw new Refusal('not-found', 'There is no such export or match, or it is no longer available.');
  }
}
