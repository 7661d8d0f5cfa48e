import { Refusal } from '@provider-access/kernel';
import type { ExportContext } from '../context.ts';
import { expiresAt } from '../domain/job/job.ts';
import { getJob, type JobPart } from '../projections/export-jobs.ts';

/** The form of our job ids: base32 of 128 bits. Text of another form needs no query. */
const JOB_ID = /^[a-z2-7]{26}$/;

type Absence = 'export-unknown' | 'export-of-another' | 'export-gone' | 'export-file-unknown';

/**
 * Gives the same answer for a job or file that is unknown, deleted, expired or of another client. Each of them is
 * audited, so that the time does not tell them apart either. The audit names a job that exists, and keeps no text that
 * the client made up. @throws Refusal 404
 */
export async function refuseExport(
  { audit }: Pick<ExportContext, 'audit'>,
  client: string,
  reason: Absence,
  job?: Pick<JobPart, 'group'> & { readonly id: string },
): Promise<never> {
  const about = job === undefined ? {} : { job: job.id, group: job.group };
  await audit.refuse({ client, action: 'download', reason, ...about });
  throw new Refusal('not-found', 'There is no such export, or it is no longer available.');
}

/** The client's own job. @throws Refusal 404 */
export async function findJob(context: ExportContext, client: string, id: string): Promise<JobPart> {
  const job = JOB_ID.test(id) ? await getJob(context.views.jobs, id) : undefined;
  if (job === undefined) return refuseExport(context, client, 'export-unknown');
  const { group, status } = job;
  if (job.client !== client) return refuseExport(context, client, 'export-of-another', { id, group });
  const ended = (expiresAt(job, context.config.keepMs) ?? Infinity) <= context.ports.clock.now();
  if (ended || status === 'cancelled' || status === 'expired')
    return refuseExport(context, client, 'export-gone', { id, group });
  context.ports.tracing?.link(job.traceparent);
  return job;
}
