import type { Clock } from '@provider-access/kernel';
import { type LabelsOf, type Metrics, shared } from '@provider-access/service/observability';
import type { Work } from '@provider-access/engines/state';
import type { ViewReader } from '@provider-access/engines/views';
import { isRunning, type Job, type JobCommand, type JobStatus } from './domain/job.ts';

type State = LabelsOf<'pa_export_jobs'>['state'];
const STATES: readonly (readonly [State, JobStatus])[] = [
  ['queued', 'requested'],
  ['running', 'writing'],
  ['sealed', 'sealed'],
];
/** Counting stops at this number of jobs for each state. */
const COUNTED = 5000;
const JOBS_EVERY_MS = 10_000;
/** Short, because autoscaling uses this metric. */
const CHUNKS_EVERY_MS = 3000;

/** Measures waiting and running jobs (from the view) and chunks (from the work queue) of all processes. */
export function measureJobs(
  metrics: Metrics,
  { jobs, work, clock }: { readonly jobs: ViewReader; readonly work: Work; readonly clock: Clock },
): void {
  metrics.zeroAll('pa_export_');
  const byState = shared(
    () =>
      Promise.all(
        STATES.map(async ([state, status]) => {
          const found = await jobs.find({ index: 'by_status', equals: [status], limit: COUNTED, fields: 'keys' });
          const oldest = (found[0]?.['job'] as Pick<Job, 'requestedAt'> | undefined)?.requestedAt;
          return { state, count: found.length, since: oldest === undefined ? undefined : Date.parse(oldest) };
        }),
      ),
    JOBS_EVERY_MS,
  );
  metrics.read('pa_export_jobs', async () =>
    (await byState()).map(({ state, count }) => ({ labels: { state }, value: count })),
  );
  metrics.read('pa_export_oldest_seconds', async () =>
    (await byState()).map(({ state, since }) => ({
      labels: { state },
      value: since === undefined ? 0 : Math.max(0, clock.now() - since) / 1000,
    })),
  );
  const chunks = shared(() => work.count('export-chunk'), CHUNKS_EVERY_MS);
  metrics.read('pa_export_chunks', async () => {
    const { ready, leased } = await chunks();
    return [
      { labels: { state: 'queued' as const }, value: ready },
      { labels: { state: 'running' as const }, value: leased },
    ];
  });
}

/** Counts a decision on the stream of a job, in the process that made it. */
export function measureDecision(metrics: Metrics, command: JobCommand, before: Job | undefined, now: number): void {
  const ended = (outcome: LabelsOf<'pa_export_jobs_total'>['outcome']): void => {
    metrics.count('pa_export_jobs_total', { outcome });
    if (before !== undefined && isRunning(before))
      metrics.record('pa_export_duration_seconds', { outcome }, (now - Date.parse(before.requestedAt)) / 1000);
  };
  switch (command.kind) {
    case 'write-chunk':
      metrics.count('pa_export_chunks_total', { outcome: 'written' });
      metrics.count('pa_export_written_resources_total', {}, command.data.resources);
      metrics.count('pa_export_written_bytes_total', {}, command.data.bytes);
      return;
    case 'seal':
      return ended('completed');
    case 'fail':
      return ended('failed');
    case 'expire':
      return ended('expired');
    // The deletion of a complete export does not count as a cancelled export.
    case 'cancel':
      return before !== undefined && isRunning(before) ? ended('cancelled') : undefined;
  }
}
