import { EXPORT_EVENTS, PA_EXPORTS, typeOf, dataOf } from '@provider-access/events';
import type { LogRecord } from '@provider-access/engines/log';
import type { Projection, TopicEvolve, ViewReader } from '@provider-access/engines/views';
import { evolve, type Job, type JobEvent } from './domain/job.ts';

/** A job as status and downloads read it, with its stream version and the compressed bytes of its files. */
export type JobPart = Job & { readonly version: number; readonly bytes: number };

/** Types of the events that change a job. */
export const OF_THE_STREAM = new Set<string | undefined>(
  Object.keys(EXPORT_EVENTS).filter((type) => type !== 'pa.export-downloaded.v1'),
);

const exportsTopic: TopicEvolve<JobPart> = {
  part: 'job',
  keys: (record: LogRecord) => (OF_THE_STREAM.has(typeOf(record)) ? [record.key] : []),
  evolve(part, record) {
    // The relay publishes at least once, so skip a known version.
    const version = Number(record.headers['pa_version']);
    if (part !== undefined && version <= part.version) return undefined;
    const { version: _before, bytes, ...job } = part ?? { version: 0, bytes: 0 };
    const event = { type: typeOf(record), data: dataOf(record) } as JobEvent;
    const next = evolve(part === undefined ? undefined : (job as Job), event);
    return next && { ...next, version, bytes: bytes + bytesOf(event) };
  },
};

/** If a chunk is written twice, the files of both attempts stay until the sweep, so both count. */
function bytesOf(event: JobEvent): number {
  if (event.type === 'pa.export-chunk-written.v1') return event.data.bytes;
  return event.type === 'pa.export-sealed.v1' ? (event.data.bytes ?? 0) : 0;
}

/** One document for each job, which status, manifest and downloads read. */
export const exportJobs: Projection = {
  owner: 'export',
  name: 'jobs',
  version: 3,
  // Few, because the job of a large Group has an entry for each of thousands of chunks.
  keepDecoded: 8,
  topics: { [PA_EXPORTS]: exportsTopic },
  indexes: [
    { name: 'by_client', fields: ['job.client', 'job.status'] },
    { name: 'by_status', fields: ['job.status', 'job.requestedAt'] },
  ],
};

export async function getJob(reader: ViewReader, job: string): Promise<JobPart | undefined> {
  return (await reader.get(job))?.['job'] as JobPart | undefined;
}
/** The job as it surely is now, if memory has it (`ViewReader.kept`). */
export const keptJob = (reader: ViewReader, job: string): JobPart | undefined =>
  reader.kept(job)?.['job'] as JobPart | undefined;
