import type { RuleGroup } from './rules.ts';

/** An export of a large Group writes this many bytes within minutes. */
const TIMES_KEPT_FREE = 8;

export const engines: RuleGroup = {
  name: 'engines',
  alerts: [
    {
      name: 'EngineAway',
      severity: 'page',
      for: '2m',
      expr: (of) => `count by (namespace, engine) (${of('pa_engine_reachable')} == 0) > 0`,
      summary: '{{ $labels.engine }} does not answer {{ $value | humanize }} processes',
      description:
        'Without Kafka, reads answer 503 after FACTS_BOUND_MS, and the platform accepts no events. Without MongoDB, ' +
        'reads answer 503 at once. No data is lost. All services continue by themselves when the engine answers.',
      why: 'A restart or an election takes seconds; two minutes is an outage.',
    },
    {
      name: 'AppendsFail',
      severity: 'page',
      for: '5m',
      expr: (of) =>
        `sum by (namespace, topic) (rate(${of('pa_log_append_failures_total')}[5m])) > 0 unless on (namespace) ` +
        `count by (namespace) (${of('pa_engine_reachable', 'engine="kafka"')} == 0) > 0`,
      summary: 'Appends to {{ $labels.topic }} fail although Kafka answers',
      description:
        'The topic or a right is missing, the record is too large, or the partition has too few replicas in sync. ' +
        'For pa.audit, every read answers 503, because no data is released without an audit entry. For other ' +
        'topics, the service that writes the topic stops and waits.',
      why: 'Kafka answers and refuses the records. It will refuse them until an operator changes something.',
    },
    {
      // Several processes may share one disk, and all of them see the same free bytes.
      name: 'DiskNearlyFull',
      severity: 'page',
      for: '5m',
      expr: (of) =>
        [
          `min by (namespace, folder) (${of('pa_disk_free_bytes')})`,
          `< ${TIMES_KEPT_FREE} * max by (namespace, folder) (${of('pa_disk_kept_free_bytes')})`,
        ].join(' '),
      summary: 'The disk of the {{ $labels.folder }} folder has {{ $value | humanize1024 }}B free',
      description:
        'Below pa_disk_kept_free_bytes, exports wait (folder files), or the process is not ready (folder data). ' +
        'With a full disk, the platform refuses every event, including opt-outs.',
      why:
        `${TIMES_KEPT_FREE} times the reserve (by default 1 GiB for data, 512 MiB for files) leaves minutes before ` +
        'the platform refuses opt-outs, and only an operator can enlarge the disk.',
    },
  ],
};
