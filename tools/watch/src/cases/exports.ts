import { firesAt, silentAt, series, type CaseTable } from './case.ts';

const oldest = (state: string): string => series('pa_export_oldest_seconds', { state });
const chunks = series('pa_export_chunks_total', { outcome: 'written' });

export const exportCases: CaseTable = {
  ExportsStuck: [
    firesAt(
      25,
      'a job is queued and nobody works',
      { [oldest('queued')]: '0+60x60', [chunks]: '40x60' },
      { summary: 'An export has waited for 25m 0s; no chunk was written for a quarter of an hour' },
    ),
    firesAt(
      40,
      'the process that wrote is gone, another still says what waits',
      { [oldest('running')]: '0+60x60', [chunks]: '40+1x3 _x60' },
      { summary: 'An export has waited for 40m 0s; no chunk was written for a quarter of an hour' },
    ),
    silentAt(50, 'a large export writes', { [oldest('running')]: '0+60x60', [chunks]: '40+3x60' }),
    silentAt(50, 'files wait to be downloaded', { [oldest('sealed')]: '0+60x60', [chunks]: '40x60' }),
  ],
  ExportsFail: [
    firesAt(
      15,
      'one failed',
      {
        [series('pa_export_jobs_total', { outcome: 'failed' })]: '0x10 1x200',
        [series('pa_export_jobs_total', { outcome: 'completed' })]: '0+1x210',
      },
      { summary: '1 exports failed for good within the last hour' },
    ),
    silentAt(50, 'clients cancel', {
      [series('pa_export_jobs_total', { outcome: 'cancelled' })]: '0+1x100',
      [series('pa_export_jobs_total', { outcome: 'failed' })]: '1x100',
    }),
  ],
  StorageFull: [
    firesAt(
      9,
      'one of two processes finds it full',
      { [series('pa_export_storage_full')]: '0x5 1x20', [series('pa_export_storage_full', {}, 'b')]: '0x25' },
      { summary: 'The file storage is full: exports wait' },
    ),
    silentAt(7, 'there is room again at the next attempt', { [series('pa_export_storage_full')]: '0x5 1x0 0x20' }),
  ],
};
