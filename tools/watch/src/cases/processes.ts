import { SERVICES } from '@provider-access/domain/alerts';
import { firesAt, silentAt, series, type CaseTable, type Series } from './case.ts';

const built = (values: string, except?: string): Series =>
  Object.fromEntries(
    SERVICES.map((service) => [
      series('pa_build_info', { service, version: '1.0.0' }, service),
      service === except ? '1x2 _x30' : values,
    ]),
  );
const started = series('process_start_time_seconds');
const memory = series('process_resident_memory_bytes');
const limit = series('pa_memory_limit_bytes');
const success = (instance = 'a'): string => series('pa_probe_last_success_timestamp_seconds', {}, instance);
const MIB = 1024 * 1024;

export const processCases: CaseTable = {
  ServiceAbsent: [
    firesAt(15, 'export is gone', built('1x40', 'export'), {
      labels: { service: 'export', namespace: '' },
      summary: 'Prometheus scrapes no process of export',
    }),
    silentAt(30, 'all are there', built('1x40')),
    silentAt(30, 'two versions of one run side by side', {
      ...built('1x40'),
      [series('pa_build_info', { service: 'auth', version: '1.1.0' }, 'new')]: '_x5 1x40',
    }),
  ],
  Restarts: [
    firesAt(
      20,
      'three starts in half an hour',
      { [started]: '100x5 400x5 700x5 1000x60' },
      { labels: { pod: 'a', instance: 'a:8080' }, summary: 'a:8080 started 3 times within half an hour' },
    ),
    silentAt(20, 'a roll-out starts each once', {
      [started]: '100x5 400x60',
      [series('process_start_time_seconds', {}, 'b')]: '100x8 600x60',
    }),
  ],
  EventLoopDelay: [
    firesAt(
      25,
      'half a second and more for a quarter of an hour',
      { [series('nodejs_eventloop_lag_p99_seconds')]: '0.02x5 0.8x40' },
      {
        labels: { pod: 'a', instance: 'a:8080' },
        summary: 'The event loop of a:8080 is up to 800ms late',
      },
    ),
    silentAt(25, 'one long task', { [series('nodejs_eventloop_lag_p99_seconds')]: '0.02x5 2x1 0.02x40' }),
  ],
  MemoryNearLimit: [
    firesAt(
      20,
      'it stays above 90 %',
      { [memory]: `${480 * MIB}x40`, [limit]: `${512 * MIB}x40` },
      { labels: { pod: 'a', instance: 'a:8080' }, summary: 'a:8080 uses 93.75% of its memory limit' },
    ),
    silentAt(30, 'it has no limit', { [memory]: `${4096 * MIB}x40` }),
    silentAt(20, 'a saw that touches 90 %', {
      [memory]: `${480 * MIB}x5 ${300 * MIB}x5 ${480 * MIB}x5 ${300 * MIB}x20`,
      [limit]: `${512 * MIB}x40`,
    }),
  ],
  ProbeFailing: [
    firesAt(
      40,
      'the last success is longer ago than half an hour, as far as anybody knows',
      { [success()]: '0x60', [success('b')]: '60x60' },
      { summary: 'The synthetic probe has not succeeded for 39m 0s' },
    ),
    silentAt(42, 'it succeeds every five minutes', {
      [success()]: '0x5 300x5 600x5 900x5 1200x5 1500x5 1800x5 2100x5 2400x20',
    }),
    firesAt(
      40,
      'no run since the installation has succeeded',
      {
        [series('pa_probe_runs_total', { result: 'failed', step: 'group' })]: '0x4 1x4 2x4 3x4 4x4 5x4 6x4 7x4 8x20',
        [series('pa_probe_runs_total', { result: 'passed', step: 'none' })]: '0x60',
      },
      { summary: 'The synthetic probe has not succeeded for 30m 0s' },
    ),
    silentAt(50, 'there is no probe', { [started]: '0x60' }),
  ],
  MigrationFailed: [
    firesAt(
      5,
      'the job failed',
      { 'kube_job_failed{namespace="pa",job_name="pa-provider-access-admin",condition="true"}': '_x2 1x20' },
      {
        labels: { job_name: 'pa-provider-access-admin' },
        summary: 'The job pa-provider-access-admin that applies topics and indexes has failed',
      },
    ),
    silentAt(15, 'it worked at the second attempt', {
      'kube_job_status_failed{namespace="pa",job_name="pa-provider-access-admin",reason=""}': '0x2 1x20',
      'kube_job_complete{namespace="pa",job_name="pa-provider-access-admin",condition="true"}': '_x4 1x18',
    }),
    silentAt(5, 'another job failed', {
      'kube_job_failed{namespace="pa",job_name="backup-1",condition="true"}': '1x20',
    }),
  ],
};
