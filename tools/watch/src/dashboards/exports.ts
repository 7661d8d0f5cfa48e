import { heatmap, largest, lines, perSecond, quantile, RATE, stat, type Dashboard } from './panels.ts';

/** Bulk exports, from kick-off to download. */
export const exportsDashboard: Dashboard = {
  name: 'exports',
  title: 'Provider Access / 3 Exports',
  about: 'Jobs, chunks, files. The autoscaler of export follows the number of queued chunks.',
  rows: [
    {
      title: 'Jobs',
      panels: [
        lines(
          'Jobs by state',
          'short',
          'queued: no chunk is written yet; running: chunks are written; sealed: the files can be downloaded.',
          [['{{state}}', largest('pa_export_jobs', 'state')]],
        ),
        lines('Oldest job by state', 's', 'A queued one of minutes: no workers.', [
          ['{{state}}', largest('pa_export_oldest_seconds', 'state', 'state=~"queued|running"')],
        ]),
        lines(
          'Ended in an hour',
          'short',
          'Jobs that ended, by outcome.',
          [['{{outcome}}', (of) => `sum by (outcome) (increase(${of('pa_export_jobs_total')}[1h]))`]],
          { stacked: true },
        ),
        lines(
          'From kick-off to complete',
          's',
          'Half and 95 % of the completed exports took at most this time.',
          [
            ['half', quantile(0.5, 'pa_export_duration_seconds', '', 'outcome="completed"')],
            ['95 %', quantile(0.95, 'pa_export_duration_seconds', '', 'outcome="completed"')],
          ],
          { width: 12 },
        ),
        heatmap(
          'Durations',
          's',
          'Every export that ended, by its duration.',
          [['{{le}}', (of) => `sum by (le) (rate(${of('pa_export_duration_seconds_bucket')}[${RATE}]))`]],
          { width: 12 },
        ),
        lines(
          'Kick-offs refused in an hour',
          'short',
          'Refused kick-offs, by the limit that the client had reached. kept-bytes: its files use ' +
            'EXPORT_KEPT_MIB_PER_CLIENT.',
          [['{{limit}}', (of) => `sum by (limit) (increase(${of('pa_export_refusals_total')}[1h]))`]],
          { stacked: true, width: 24 },
        ),
      ],
    },
    {
      title: 'Chunks',
      panels: [
        lines(
          'Chunks by state',
          'short',
          'Chunks that wait and chunks that are being written, over all processes.',
          [['{{state}}', largest('pa_export_chunks', 'state')]],
          { stacked: true },
        ),
        lines(
          'Worked on',
          'cps',
          'abandoned: another process had taken the chunk over. A failed chunk is tried again.',
          [['{{outcome}}', perSecond('pa_export_chunks_total', 'outcome')]],
          { stacked: true },
        ),
        stat(
          'File storage',
          'none',
          'While the storage is full, exports wait.',
          [['', (of) => `max(${of('pa_export_storage_full')})`]],
          { words: { 0: 'has room', 1: 'full' }, steps: ['green', [1, 'red']], width: 8 },
        ),
      ],
    },
    {
      title: 'Files',
      panels: [
        lines('Resources written', 'cps', 'To part files.', [
          ['resources', (of) => `sum(rate(${of('pa_export_written_resources_total')}[${RATE}]))`],
        ]),
        lines('Bytes written', 'Bps', 'Compressed bytes that exports write to the file store.', [
          ['written', (of) => `sum(rate(${of('pa_export_written_bytes_total')}[${RATE}]))`],
        ]),
        lines('Bytes downloaded', 'Bps', 'Bytes sent to clients, compressed or plain as the client asked.', [
          ['downloaded', (of) => `sum(rate(${of('pa_export_downloaded_bytes_total')}[${RATE}]))`],
        ]),
      ],
    },
  ],
};
