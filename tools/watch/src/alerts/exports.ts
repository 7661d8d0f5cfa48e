import type { RuleGroup } from '../rules.ts';

export const exports: RuleGroup = {
  name: 'exports',
  alerts: [
    {
      name: 'ExportsStuck',
      severity: 'page',
      for: '5m',
      expr: (of) =>
        `max by (namespace) (${of('pa_export_oldest_seconds', 'state=~"queued|running"')}) > 900 unless on ` +
        `(namespace) sum by (namespace) (increase(${of('pa_export_chunks_total', 'outcome="written"')}[15m])) > 0`,
      summary: 'An export waits for {{ $value | humanizeDuration }} and no chunk was written in a quarter of an hour',
      description:
        'No worker takes chunks, or each attempt fails. Providers get no files; kick-offs are still accepted and wait.',
      why: 'A long export writes chunks all the time; one without any for a quarter of an hour has no workers.',
      follows: ['EngineAway', 'StorageFull', 'FactsStale'],
    },
    {
      name: 'ExportsFail',
      severity: 'ticket',
      for: '0m',
      expr: (of) => `sum by (namespace) (increase(${of('pa_export_jobs_total', 'outcome="failed"')}[1h])) > 0`,
      summary: '{{ $value | humanize }} exports failed for good within the last hour',
      description:
        'A step failed twelve times: the client was told and has to start again. The reason is in the log line of ' +
        'the last attempt.',
      why: 'A job is given up after twelve attempts over six minutes: each has to be told and understood.',
    },
    {
      name: 'StorageFull',
      severity: 'page',
      for: '1m',
      expr: (of) => `max by (namespace) (${of('pa_export_storage_full')}) > 0`,
      summary: 'The file storage is full: exports wait',
      description:
        'No chunk can be written until there is room. Jobs wait and go on by themselves; after twelve attempts ' +
        '(about six minutes) they fail with storage-full. Downloads go on.',
      why: 'Only a person can give it room, every export waits for it, and within minutes the first one fails.',
    },
  ],
};
