import { SERVICES } from '../alerts/processes.ts';
import { series, type CaseTable, type Series } from './case.ts';

const built = (values: string, except?: string): Series =>
  Object.fromEntries(
    SERVICES.map((service) => [
      series('pa_build_info', { service, version: '0.1.0' }, service),
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
    {
      when: 'export is gone',
      series: built('1x40', 'export'),
      at: 15,
      fires: [{ labels: { service: 'export', namespace: '' }, summary: 'No process of export is scraped' }],
    },
    { when: 'all are there', series: built('1x40'), at: 30, fires: [] },
    {
      when: 'two versions of one run side by side',
      series: { ...built('1x40'), [series('pa_build_info', { service: 'auth', version: '0.2.0' }, 'new')]: '_x5 1x40' },
      at: 30,
      fires: [],
    },
  ],
  Restarts: [
    {
      when: 'three starts in half an hour',
      series: { [started]: '100x5 400x5 700x5 1000x60' },
      at: 20,
      fires: [{ labels: { pod: 'a', instance: 'a:8080' }, summary: 'a:8080 was started 3 times within half an hour' }],
    },
    {
      when: 'a roll-out starts each once',
      series: { [started]: '100x5 400x60', [series('process_start_time_seconds', {}, 'b')]: '100x8 600x60' },
      at: 20,
      fires: [],
    },
  ],
  EventLoopDelay: [
    {
      when: 'half a second and more for a quarter of an hour',
      series: { [series('nodejs_eventloop_lag_p99_seconds')]: '0.02x5 0.8x40' },
      at: 25,
      fires: [
        {
          labels: { pod: 'a', instance: 'a:8080' },
          summary: 'Requests at a:8080 wait up to 800ms before anybody looks at them',
        },
      ],
    },
    {
      when: 'one long task',
      series: { [series('nodejs_eventloop_lag_p99_seconds')]: '0.02x5 2x1 0.02x40' },
      at: 25,
      fires: [],
    },
  ],
  MemoryNearLimit: [
    {
      when: 'it stays above 90 %',
      series: { [memory]: `${480 * MIB}x40`, [limit]: `${512 * MIB}x40` },
      at: 20,
      fires: [{ labels: { pod: 'a', instance: 'a:8080' }, summary: 'a:8080 uses 93.75% of the memory it may have' }],
    },
    { when: 'it has no limit', series: { [memory]: `${4096 * MIB}x40` }, at: 30, fires: [] },
    {
      when: 'a saw that touches 90 %',
      series: { [memory]: `${480 * MIB}x5 ${300 * MIB}x5 ${480 * MIB}x5 ${300 * MIB}x20`, [limit]: `${512 * MIB}x40` },
      at: 20,
      fires: [],
    },
  ],
  ProbeFailing: [
    {
      when: 'the last success is longer ago than half an hour, as far as anybody knows',
      series: { [success()]: '0x60', [success('b')]: '60x60' },
      at: 40,
      fires: [{ summary: 'The probe has not walked the road for 39m 0s' }],
    },
    {
      when: 'it succeeds every five minutes',
      series: { [success()]: '0x5 300x5 600x5 900x5 1200x5 1500x5 1800x5 2100x5 2400x20' },
      at: 42,
      fires: [],
    },
    {
      when: 'no run since the installation has succeeded',
      series: {
        [series('pa_probe_runs_total', { result: 'failed', step: 'group' })]: '0x4 1x4 2x4 3x4 4x4 5x4 6x4 7x4 8x20',
        [series('pa_probe_runs_total', { result: 'passed', step: 'none' })]: '0x60',
      },
      at: 40,
      fires: [{ summary: 'The probe has not walked the road for 30m 0s' }],
    },
    { when: 'there is no probe', series: { [started]: '0x60' }, at: 50, fires: [] },
  ],
  MigrationFailed: [
    {
      when: 'the job failed',
      series: { 'kube_job_failed{namespace="pa",job_name="pa-provider-access-admin",condition="true"}': '_x2 1x20' },
      at: 5,
      fires: [
        {
          labels: { job_name: 'pa-provider-access-admin' },
          summary: 'The job pa-provider-access-admin that applies topics and indexes has failed',
        },
      ],
    },
    {
      when: 'it worked at the second attempt',
      series: {
        'kube_job_status_failed{namespace="pa",job_name="pa-provider-access-admin",reason=""}': '0x2 1x20',
        'kube_job_complete{namespace="pa",job_name="pa-provider-access-admin",condition="true"}': '_x4 1x18',
      },
      at: 15,
      fires: [],
    },
    {
      when: 'another job failed',
      series: { 'kube_job_failed{namespace="pa",job_name="backup-1",condition="true"}': '1x20' },
      at: 5,
      fires: [],
    },
  ],
};
