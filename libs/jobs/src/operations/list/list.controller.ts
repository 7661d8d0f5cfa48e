import { Controller, Inject } from '@nestjs/common';
import type { ViewReader } from '@provider-access/engines/views';
import { instant } from '@provider-access/kernel';
import { JSON_TYPE, PORTS, type ServicePorts } from '@provider-access/service/http';
import { type Answer, type Asked, operation, Operation, ref } from '@provider-access/service/operation';
import { JOBS_CONFIG, type JobsConfig } from '../../config.ts';
import { expiresAt, type JobStatus } from '../../domain/job.ts';
import { ClientLimits } from '../../run/client-limits.ts';
import { exportJobs, type JobPart } from '../../jobs-view.ts';
import { OwnJobs } from '../own-jobs.ts';
import { failure, progress } from '../status/job-texts.ts';

/** Statuses of exports that a status request answers. */
const ANSWERED: readonly JobStatus[] = ['requested', 'writing', 'sealed', 'failed'];
/** Exports in one answer, so that an answer is at most some 100 KB. */
const LISTED = 100;

const LIST = operation({
  route: 'GET /fhir/bulk',
  callers: 'app',
  refusedAs: 'download',
  tag: 'Groups and exports',
  summary: 'List the own exports and matches of the app',
  description:
    'The newest 100 exports and matches that a status request would answer, newest first. `request` tells them ' +
    'apart. Bulk Data has no such request. An app that lost the URL of one finds it here, and deletes what it no ' +
    'longer needs.',
  answer: { description: 'The exports and matches.', type: JSON_TYPE, schema: ref('Exports') },
  refusals: ['too-many-requests'],
});

@Controller()
export class ListController {
  private readonly jobs: ViewReader;
  constructor(
    @Inject(PORTS) private readonly ports: ServicePorts,
    @Inject(JOBS_CONFIG) private readonly config: JobsConfig,
    @Inject(ClientLimits) private readonly limits: ClientLimits,
    @Inject(OwnJobs) private readonly own: OwnJobs,
  ) {
    this.jobs = ports.views.reader(exportJobs);
  }

  @Operation(LIST)
  async list({ client }: Asked<typeof LIST>): Promise<Answer> {
    // Each request reads all exports of the client, so it has the limit of a status request.
    await this.limits.countPoll('list', client);
    const now = this.ports.clock.now();
    let total = 0;
    let newest: JobPart[] = [];
    // The index gives them in the order of their ids, so all of them are read. Only the newest are kept in memory.
    for (const status of ANSWERED) {
      for await (const document of this.jobs.scan({ index: 'by_client', equals: [client, status] })) {
        const job = document['job'] as JobPart;
        if ((expiresAt(job, this.config.keepMs) ?? Infinity) <= now) continue;
        total += 1;
        newest.push(job);
        if (newest.length >= 2 * LISTED) newest = newestOf(newest);
      }
    }
    return { json: { total, exports: newestOf(newest).map((job) => this.shown(job)) } };
  }

  /** What a status request also says, or what the client sent (`Exports` of the OpenAPI description). */
  private shown(job: JobPart): object {
    const { status, group, request, requestedAt, transactionTime } = job;
    const { publicUrl, keepMs } = this.config;
    const expires = expiresAt(job, keepMs);
    const state = status === 'sealed' ? 'complete' : status === 'failed' ? 'failed' : 'running';
    return {
      id: job.job,
      url: `${publicUrl}/fhir/bulk/${job.job}`,
      group,
      request,
      requestedAt,
      state,
      ...(state === 'failed' && { message: failure(job, this.own.wordsOf(job)) }),
      ...(state === 'running' && { progress: progress(job, this.own.wordsOf(job)) }),
      ...(state === 'complete' && { transactionTime }),
      ...(expires !== undefined && { expiresAt: instant(expires) }),
    };
  }
}

const newestOf = (all: readonly JobPart[]): JobPart[] =>
  all.toSorted((a, b) => b.requestedAt.localeCompare(a.requestedAt) || a.job.localeCompare(b.job)).slice(0, LISTED);
