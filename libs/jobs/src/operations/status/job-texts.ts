import type { JobPart } from '../../jobs-view.ts';

const FAILURES: Readonly<Record<string, string>> = {
  'storage-full': 'The export failed, because the file storage was full for too long. Start it again later.',
};

/** What a client is told about a failed job. */
export const failure = (job: JobPart): string =>
  FAILURES[job.ended!.reason] ?? 'The export failed. The error has been logged. Start the export again.';

/**
 * How far a job is. It counts released members only: the number of chunks, and a share of it, would tell how many
 * members the Group has whom the client may not see.
 */
export function progress({ plan, released = [] }: JobPart): string {
  if (plan === undefined) return 'planning';
  const members = released.reduce((sum, n) => sum + n, 0);
  return `${members} ${members === 1 ? 'member' : 'members'} written`;
}
