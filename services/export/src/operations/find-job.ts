import { Refusal } from '@provider-access/kernel';
import type { ExportContext } from '../context.ts';
import { expiresAt } from '../domain/job/job.ts';
import { getJob, type JobPart } from '../projections/export-jobs.ts';

/** The form of our job ids: base32 of 128 bits. Text of another form needs no query. */
const JOB_ID = /^[a-z2-7]{26}$/;

/** The same answer for a job or file that is unknown, deleted, expired or of another client. */
export const unknownExport = (): Refusal =>
  new Refusal('not-found', 'There is no such export, or it is no longer available.');

/** The client's own job. @throws Refusal 404 */
export async function findJob(context: ExportContext, client: string, id: string): Promise<JobPart> {
  const job = JOB_ID.test(id) ? await getJob(context.views.jobs, id) : undefined;
  if (job === undefined || job.client !== client || job.status === 'cancelled' || job.status === 'expired')
    throw unknownExport();
  if ((expiresAt(job, context.config.keepMs) ?? Infinity) <= context.ports.clock.now()) throw unknownExport();
  context.ports.tracing?.link(job.traceparent);
  return job;
}
