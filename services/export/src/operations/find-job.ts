import { Refusal } from '@provider-access/kernel';
import type { ExportContext } from '../context.ts';
import { expiresAt } from '../domain/job/job.ts';
import { getJob, type JobPart } from '../projections/export-jobs.ts';

/** Base32 of 128 bits, as ids are minted. Any other text is no job and never reaches a store. */
const JOB_ID = /^[a-z2-7]{26}$/;

/** One answer for a job or file that never was, is another client's, was deleted, or has expired. */
export const unknownExport = (): Refusal =>
  new Refusal('not-found', 'There is no such export, or it is no longer available.');

/** The client's own job that is there to be seen. Throws Refusal (404). */
export async function findJob(context: ExportContext, client: string, id: string): Promise<JobPart> {
  const job = JOB_ID.test(id) ? await getJob(context.views.jobs, id) : undefined;
  if (job === undefined || job.client !== client || job.status === 'cancelled' || job.status === 'expired')
    throw unknownExport();
  if ((expiresAt(job, context.config.keepMs) ?? Infinity) <= context.ports.clock.now()) throw unknownExport();
  context.ports.tracing?.link(job.traceparent);
  return job;
}
