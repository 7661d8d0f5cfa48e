import { series, type CaseTable } from './case.ts';

const oldest = (state: string): string => series('pa_export_oldest_seconds', { state });
const chunks = series('pa_export_chunks_total', { outcome: 'written' });

export const exportCases: CaseTable = {
  ExportsStuck: [
    {
      when: 'a job is queued and nobody works',
      series: { [oldest('queued')]: '0+60x60', [chunks]: '40x60' },
      at: 25,
      fires: [{ summary: 'An export waits for 25m 0s and no chunk was written in a quarter of an hour' }],
    },
    {
      when: 'the process that wrote is gone, another still says what waits',
      series: { [oldest('running')]: '0+60x60', [chunks]: '40+1x3 _x60' },
      at: 40,
      fires: [{ summary: 'An export waits for 40m 0s and no chunk was written in a quarter of an hour' }],
    },
    {
      when: 'a large export writes',
      series: { [oldest('running')]: '0+60x60', [chunks]: '40+3x60' },
      at: 50,
      fires: [],
    },
    {
      when: 'files wait to be downloaded',
      series: { [oldest('sealed')]: '0+60x60', [chunks]: '40x60' },
      at: 50,
      fires: [],
    },
  ],
  ExportsFail: [
    {
      when: 'one failed',
      series: {
        [series('pa_export_jobs_total', { outcome: 'failed' })]: '0x10 1x200',
        [series('pa_export_jobs_total', { outcome: 'completed' })]: '0+1x210',
      },
      at: 15,
      fires: [{ summary: '1 exports failed for good within the last hour' }],
    },
    {
      when: 'clients cancel',
      series: {
        [series('pa_export_jobs_total', { outcome: 'cancelled' })]: '0+1x100',
        [series('pa_export_jobs_total', { outcome: 'failed' })]: '1x100',
      },
      at: 50,
      fires: [],
    },
  ],
  StorageFull: [
    {
      when: 'one of two processes finds it full',
      series: { [series('pa_export_storage_full')]: '0x5 1x20', [series('pa_export_storage_full', {}, 'b')]: '0x25' },
      at: 9,
      fires: [{ summary: 'The file storage is full: exports wait' }],
    },
    {
      when: 'there is room again at the next attempt',
      series: { [series('pa_export_storage_full')]: '0x5 1x0 0x20' },
      at: 7,
      fires: [],
    },
  ],
};
