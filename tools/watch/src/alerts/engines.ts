import type { RuleGroup } from '../rules.ts';

/** An export of a large Group writes this much within minutes. */
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
        'Without Kafka reads end with 503 after FACTS_BOUND_MS and nothing is taken in; without MongoDB nothing is ' +
        'decided at all. Nothing is lost, nothing is parked, and all goes on by itself when it is back.',
      why: 'A restart or an election of either takes seconds; two minutes is an outage.',
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
        'The topic is missing, a right is missing, the record is too large, or the partition has too few replicas ' +
        'in sync. For pa.audit: nothing is released without its entry, every read is 503. For other topics: the ' +
        'service that writes it waits there.',
      why: 'Kafka is there and says no: it goes on saying no until somebody changes something.',
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
        'Below pa_disk_kept_free_bytes exports wait (files), or the process is not ready (data). ' +
        'A full disk refuses every event, opt-outs too.',
      why:
        `${TIMES_KEPT_FREE} times what is kept free (1 GiB of data, 512 MiB of files, unless set otherwise) ` +
        'is the last moment before opt-outs are refused, and only a person can give it room.',
    },
  ],
};
