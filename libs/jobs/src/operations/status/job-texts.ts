import type { Job } from '../../domain/job.ts';
import type { JobWords } from '../../run/job-kind.ts';

const FAILURES: Readonly<Record<string, (noun: string) => string>> = {
  'storage-full': (noun) => `The ${noun} failed, because the file storage was full for too long. Start it again later.`,
};
const failed = (noun: string): string => `The ${noun} failed. The error has been logged. Start the ${noun} again.`;

/** What a client is told about a failed job. */
export const failure = (job: Pick<Job, 'ended'>, { noun }: JobWords): string =>
  (FAILURES[job.ended!.reason] ?? failed)(noun);

/**
 * How far a job is. It counts released members only: the number of chunks, and a share of it, would tell how many
 * members the Group has whom the client may not see.
 */
export function progress({ plan, released = [] }: Pick<Job, 'plan' | 'released'>, { done }: JobWords): string {
  if (plan === undefined) return 'planning';
  const members = released.reduce((sum, n) => sum + n, 0);
  return `${members} ${members === 1 ? 'member' : 'members'} ${done}`;
}
