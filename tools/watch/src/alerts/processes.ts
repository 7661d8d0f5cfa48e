import type { RuleGroup } from '../rules.ts';

export const SERVICES = ['auth', 'attribution', 'consent', 'resources', 'export'] as const;

export const processes: RuleGroup = {
  name: 'processes',
  alerts: [
    {
      name: 'ServiceAbsent',
      severity: 'page',
      for: '5m',
      expr: (of) => SERVICES.map((service) => `absent(${of('pa_build_info', `service="${service}"`)})`).join(' or '),
      summary: 'No process of {{ $labels.service }} is scraped',
      description:
        'It does not run, does not start, or Prometheus cannot reach its /metrics. If it does not run: without ' +
        'auth no tokens, without attribution or consent stale facts and 503, without resources no reads and no ' +
        'intake, without export no files.',
      why: 'Every other alert of a service is silent when nobody measures it.',
    },
    {
      name: 'Restarts',
      severity: 'ticket',
      for: '0m',
      keepFiringFor: '30m',
      expr: (of) => `sum by (namespace, pod, instance) (changes(${of('process_start_time_seconds')}[30m])) >= 3`,
      summary: '{{ $labels.instance }} was started {{ $value | humanize }} times within half an hour',
      description:
        'The others take over what it held, so nothing is lost; but it does not get better by itself. A fault of ' +
        'configuration ends the start with a sentence; the kernel or the kubelet may have killed it for its memory ' +
        'or its liveness.',
      why: 'One restart is what restarts are for; three in half an hour is a loop.',
    },
    {
      name: 'EventLoopDelay',
      severity: 'ticket',
      for: '5m',
      expr: (of) =>
        `max by (namespace, pod, instance) (avg_over_time(${of('nodejs_eventloop_lag_p99_seconds')}[10m])) > 0.5`,
      summary:
        'Requests at {{ $labels.instance }} wait up to {{ $value | humanizeDuration }} before anybody looks at them',
      description:
        'The process is short of processor time (its limit, its neighbours) or does something long at once. ' +
        'Heartbeats are late next: leases and partitions move to others, which then have more to do.',
      why: 'Half a second is a tenth of what a lease or a session takes to be lost.',
    },
    {
      name: 'MemoryNearLimit',
      severity: 'ticket',
      for: '15m',
      expr: (of) =>
        `max by (namespace, pod, instance) (${of('process_resident_memory_bytes')} / on (namespace, pod, instance) ` +
        `${of('pa_memory_limit_bytes')}) > 0.9`,
      summary: '{{ $labels.instance }} uses {{ $value | humanizePercentage }} of the memory it may have',
      description:
        'At the limit the kernel kills it (137). What it held is taken over, but whatever filled it is likely to ' +
        'fill the next one.',
      why:
        'Under load every service stays well below the limits of the chart (docs/performance): 90 % for a quarter ' +
        'of an hour is a leak or too small a limit.',
    },
    {
      name: 'ProbeFailing',
      severity: 'page',
      for: '5m',
      // A probe that never succeeded has no time of a last success. Then its failures are counted.
      expr: (of) =>
        [
          `time() - max by (namespace) (${of('pa_probe_last_success_timestamp_seconds')}) > 1800`,
          `or (sum by (namespace) (increase(${of('pa_probe_runs_total', 'result="failed"')}[30m])) > 2) * 0 + 1800`,
          `unless on (namespace) max by (namespace) (${of('pa_probe_last_success_timestamp_seconds')})`,
        ].join(' '),
      summary: 'The probe has not walked the road for {{ $value | humanizeDuration }}',
      description:
        'A client of our own cannot get a token, find its Group, read and export its member: what providers do ' +
        'does not work, or the probe itself is broken. Its last run says at which step.',
      why:
        'It sees what no metric of a part sees: the road as a whole. Six runs in a row have failed or did not ' +
        'happen.',
      follows: ['EngineAway', 'FactsStale', 'ServiceAbsent'],
    },
    {
      // Not kube_job_status_failed: that counts pods, and stays above 0 where a later attempt of the same job worked.
      name: 'MigrationFailed',
      severity: 'ticket',
      for: '1m',
      optional: 'kube-state-metrics',
      expr: (of) =>
        `max by (namespace, job_name) (${of('kube_job_failed', 'condition="true",job_name=~".*-admin"')}) > 0`,
      summary: 'The job {{ $labels.job_name }} that applies topics and indexes has failed',
      description:
        'The release in question was not installed; the one before goes on. Its pod says which topic or index ' +
        'could not be applied.',
      why: 'helm tells whoever installs; this is for a release that nobody watches.',
    },
  ],
};
