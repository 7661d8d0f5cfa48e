import type { ViewReader } from '@provider-access/engines/views';
import type { JobStatus } from '../../domain/job/job.ts';
import type { JobPart } from '../../projections/export-jobs.ts';

/** Statuses of exports with files. The sweep removes the files of other exports within minutes. */
const WITH_FILES: readonly JobStatus[] = ['requested', 'writing', 'sealed'];

/**
 * The compressed bytes of all exports of a client, and the time (ms since the epoch) when they will be below `limit`
 * because exports expire. The time is undefined if running exports alone exceed the limit.
 */
export async function keptExports(
  jobs: ViewReader,
  client: string,
  limit: number,
): Promise<{ readonly bytes: number; readonly roomAt?: number }> {
  let bytes = 0;
  const expiring: { readonly at: number; readonly bytes: number }[] = [];
  for (const status of WITH_FILES) {
    for await (const document of jobs.scan({ index: 'by_client', equals: [client, status] })) {
      const job = document['job'] as JobPart;
      bytes += job.bytes;
      if (job.sealed !== undefined) expiring.push({ at: Date.parse(job.sealed.expiresAt), bytes: job.bytes });
    }
  }
  let left = bytes;
  for (const { at, bytes: freed } of expiring.toSorted((a, b) => a.at - b.at)) {
    left -= freed;
    if (left < limit) return { bytes, roomAt: at };
  }
  return { bytes };
}
