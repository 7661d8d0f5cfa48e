import type { RuleGroup } from './rules.ts';

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
      summary:
        'An export has waited for {{ $value | humanizeDuration }}; no chunk was written for a quarter of an hour',
      description:
        'No worker takes chunks, or each attempt fails. Providers get no files. The platform still accepts ' +
        'kick-offs, but these exports wait too.',
      why: 'A long export writes chunks all the time. Without a chunk for a quarter of an hour, it has no workers.',
      follows: ['EngineAway', 'StorageFull', 'FactsStale'],
    },
    {
      name: 'ExportsFail',
      severity: 'ticket',
      for: '0m',
      expr: (of) => `sum by (namespace) (increase(${of('pa_export_jobs_total', 'outcome="failed"')}[1h])) > 0`,
      summary: '{{ $value | humanize }} exports failed for good within the last hour',
      description:
        'A step failed twelve times. The client got an error and must start the export again. The log line of the ' +
        'last attempt has the reason.',
      why: 'A job fails after twelve attempts in six minutes. Each failure needs an explanation.',
    },
    {
      name: 'StorageFull',
      severity: 'page',
      for: '1m',
      expr: (of) => `max by (namespace) (${of('pa_export_storage_full')}) > 0`,
      summary: 'The file storage is full: exports wait',
      description:
        'No chunk can be written until there is free space. Jobs wait and continue by themselves, but fail with ' +
        'storage-full after twelve attempts (about six minutes). Downloads continue.',
      why: 'Only an operator can enlarge the storage. All exports wait, and the first fails within minutes.',
    },
  ],
};
