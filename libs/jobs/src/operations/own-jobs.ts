import { Inject, Injectable } from '@nestjs/common';
import { Audit } from '@provider-access/audit';
import type { ViewReader } from '@provider-access/engines/views';
import type { RefusalReason } from '@provider-access/events';
import { Refusal } from '@provider-access/kernel';
import { PORTS, type ServicePorts } from '@provider-access/service/http';
import { JOBS_CONFIG, type JobsConfig } from '../config.ts';
import { expiresAt, type Job } from '../domain/job.ts';
import { exportJobs, keptJob } from '../jobs-view.ts';
import { type JobWords, KINDS, type Kinds } from '../run/job-kind.ts';
import { JobStreams, type KnownJob } from '../run/job-stream.ts';

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
    @Inject(JobStreams) private readonly streams: Pick<JobStreams, 'known'>,
  ) {
    this.jobs = ports.views.reader(exportJobs);
  }

  /** How the client reads of the job. */
  wordsOf(job: Pick<Job, 'match'>): JobWords {
    return this.kinds.of(job).words;
  }

  /** Only for whoever may have the job: it may come from memory. */
  async current(id: string): Promise<Job | undefined> {
    return keptJob(this.jobs, id) ?? (await this.streams.known(id))?.newest;
  }

  /** The client's own job, as new as the newest answer that any process may have given it. @throws Refusal 404 */
  async find(client: string, id: string): Promise<Job> {
    return (await this.own(client, id)).newest;
  }

  /**
   * As `find`, and it runs until the view has its end: processes of 0.2.0 and earlier read only the view, so they
   * answer 404 for the files of a manifest that comes before.
   */
  async findShown(client: string, id: string): Promise<Job> {
    const { newest, projected } = await this.own(client, id);
    if (newest.status !== 'sealed' || projected?.sealed !== undefined) return newest;
    const { sealed: _notYet, ...running } = newest;
    return { ...running, status: 'writing' };
  }

  /** Only a job that is found comes from memory: whatever is refused costs the queries of an unknown one. */
  private async own(client: string, id: string): Promise<KnownJob> {
    const known = JOB_ID.test(id) ? (this.openInMemory(client, id) ?? (await this.streams.known(id))) : undefined;
    if (known === undefined) return this.refuse(client, 'export-unknown');
    const { newest: job } = known;
    if (job.client !== client) return this.refuse(client, 'export-of-another', job);
    if (this.isGone(job)) return this.refuse(client, 'export-gone', job);
    this.ports.tracing?.link(job.traceparent);
    return known;
  }
  private openInMemory(client: string, id: string): KnownJob | undefined {
    const job = keptJob(this.jobs, id);
    return job?.client === client && !this.isGone(job) ? { newest: job, projected: job } : undefined;
  }
  private isGone(job: Job): boolean {
    const ended = (expiresAt(job, this.config.keepMs) ?? Infinity) <= this.ports.clock.now();
    return ended || job.status === 'cancelled' || job.status === 'expired';
  }

  /**
   * Gives the same answer for a job or file that is unknown, deleted, expired or of another client. Each of them is
   * audited, so that the time does not tell them apart either. The audit names a job that exists, and keeps no text
   * that the client made up. @throws Refusal 404
   */
  async refuse(client: string, reason: RefusalReason, of?: Pick<Job, 'job' | 'group'>): Promise<never> {
    const about = of === undefined ? {} : { job: of.job, group: of.group };
    await this.audit.refuse({ client, action: 'download', reason, ...about });
    throw new Refusal('not-found', 'There is no such export or match, or it is no longer available.');
  }
}
