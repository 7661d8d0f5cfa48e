import { chunksWritten } from '../../domain/job/job.ts';
import type { JobPart } from '../../projections/export-jobs.ts';

const FAILURES: Readonly<Record<string, string>> = {
  'storage-full': 'The export failed, because the file storage was full for too long. Start it again later.',
};

/** What a client is told about a failed job. */
export const failure = (job: JobPart): string =>
  FAILURES[job.ended!.reason] ?? 'The export failed. The error has been logged. Start the export again.';

/** The share of written chunks, at most 99 % until the job is sealed. */
export function progress(job: JobPart): string {
  if (job.plan === undefined) return 'planning, 0 %';
  const done = chunksWritten(job);
  return (
    `${done} of ${job.plan.chunks} chunks written, ` +
    `${job.plan.chunks === 0 ? 99 : Math.min(99, Math.floor((100 * done) / job.plan.chunks))} %`
  );
}
