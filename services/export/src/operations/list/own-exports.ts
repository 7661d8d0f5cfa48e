import type { ViewReader } from '@provider-access/engines/views';
import { expiresAt, type JobStatus } from '../../domain/job/job.ts';
import type { JobPart } from '../../projections/export-jobs.ts';
import { failure, progress } from '../status/job-texts.ts';

/** Statuses of exports that a status request answers. */
const ANSWERED: readonly JobStatus[] = ['requested', 'writing', 'sealed', 'failed'];
/** Exports in one answer, so that an answer is at most some 100 KB. */
const LISTED = 100;

/**
 * The newest exports of a client that a status request would answer, newest first, and how many there are in total. The
 * client reads of each only what a status request also says, or what it sent (`Exports` of the OpenAPI description).
 * The index gives them in the order of their ids, so all of them are read, but only the newest are kept in memory.
 */
export async function ownExports(
  jobs: ViewReader,
  { client, publicUrl, keepMs, now }: { client: string; publicUrl: string; keepMs: number; now: number },
) {
  let total = 0;
  let newest: JobPart[] = [];
  const newestOf = (all: readonly JobPart[]): JobPart[] =>
    all.toSorted((a, b) => b.requestedAt.localeCompare(a.requestedAt) || a.job.localeCompare(b.job)).slice(0, LISTED);
  for (const status of ANSWERED) {
    for await (const document of jobs.scan({ index: 'by_client', equals: [client, status] })) {
      const job = document['job'] as JobPart;
      if ((expiresAt(job, keepMs) ?? Infinity) <= now) continue;
      total += 1;
      newest.push(job);
      if (newest.length >= 2 * LISTED) newest = newestOf(newest);
    }
  }
  return {
    total,
    exports: newestOf(newest).map((job) => {
      const expires = expiresAt(job, keepMs);
      return {
        id: job.job,
        url: `${publicUrl}/fhir/bulk/${job.job}`,
        group: job.group,
        request: job.request,
        requestedAt: job.requestedAt,
        state: job.status === 'sealed' ? 'complete' : job.status === 'failed' ? 'failed' : 'running',
        ...(job.status === 'failed' && { message: failure(job) }),
        ...((job.status === 'requested' || job.status === 'writing') && { progress: progress(job) }),
        ...(job.status === 'sealed' && { transactionTime: job.transactionTime }),
        ...(expires !== undefined && { expiresAt: new Date(expires).toISOString() }),
      };
    }),
  };
}
