import type { RuleGroup } from './rules.ts';

export const SERVICES = ['auth', 'attribution', 'consent', 'resources', 'export'] as const;

export const processes: RuleGroup = {
  name: 'processes',
  alerts: [
    {
      name: 'ServiceAbsent',
      severity: 'page',
      for: '5m',
      expr: (of) => SERVICES.map((service) => `absent(${of('pa_build_info', `service="${service}"`)})`).join(' or '),
      summary: 'Prometheus scrapes no process of {{ $labels.service }}',
      description:
        'The service does not run, or Prometheus cannot reach /metrics. Without auth there are no tokens; without ' +
        'attribution or consent, facts get old and reads answer 503; without resources there are no reads and no ' +
        'intake; without export there are no files.',
      why: 'Without metrics, every other alert of the service is silent.',
    },
    {
      name: 'Restarts',
      severity: 'ticket',
      for: '0m',
      keepFiringFor: '30m',
      expr: (of) => `sum by (namespace, pod, instance) (changes(${of('process_start_time_seconds')}[30m])) >= 3`,
      summary: '{{ $labels.instance }} started {{ $value | humanize }} times within half an hour',
      description:
        'Other instances take over its work, so nothing is lost, but the loop does not end by itself. A fault of ' +
        'the configuration ends the start with an error text. The kernel may have killed the process because of its ' +
        'memory, or the kubelet because of its liveness.',
      why: 'One restart is normal; three in half an hour are a loop.',
    },
    {
      name: 'EventLoopDelay',
      severity: 'ticket',
      for: '5m',
      expr: (of) =>
        `max by (namespace, pod, instance) (avg_over_time(${of('nodejs_eventloop_lag_p99_seconds')}[10m])) > 0.5`,
      summary: 'The event loop of {{ $labels.instance }} is up to {{ $value | humanizeDuration }} late',
      description:
        'The process has too little CPU time (its limit, its neighbours) or runs a long synchronous task. If ' +
        'heartbeats become late too, leases and partitions move to other processes, which then have more work.',
      why: 'Half a second is a tenth of the time after which a process loses a lease or a session.',
    },
    {
      name: 'MemoryNearLimit',
      severity: 'ticket',
      for: '15m',
      expr: (of) =>
        `max by (namespace, pod, instance) (${of('process_resident_memory_bytes')} / on (namespace, pod, instance) ` +
        `${of('pa_memory_limit_bytes')}) > 0.9`,
      summary: '{{ $labels.instance }} uses {{ $value | humanizePercentage }} of its memory limit',
      description:
        'At the limit the kernel kills the process (137). Other processes take over its work, but the same cause may ' +
        'fill their memory too.',
      why:
        'Under load, every service stays well below the limits of the chart (docs/performance). 90 % for a quarter ' +
        'of an hour means a leak or too small a limit.',
    },
    {
      name: 'ProbeFailing',
      severity: 'page',
      for: '5m',
      // A probe that never succeeded has no time of a last success, so the rule counts its failures.
      expr: (of) =>
        [
          `time() - max by (namespace) (${of('pa_probe_last_success_timestamp_seconds')}) > 1800`,
          `or (sum by (namespace) (increase(${of('pa_probe_runs_total', 'result="failed"')}[30m])) > 2) * 0 + 1800`,
          `unless on (namespace) max by (namespace) (${of('pa_probe_last_success_timestamp_seconds')})`,
        ].join(' '),
      summary: 'The synthetic probe has not succeeded for {{ $value | humanizeDuration }}',
      description:
        'The probe acts as a client: it gets a token, finds its Group, and reads and exports its member. Either ' +
        'providers cannot do this now, or the probe itself is broken. The output of its last run names the step.',
      why: 'Only the probe tests the whole path of a provider. Six runs in a row have failed or did not happen.',
      follows: ['EngineAway', 'FactsStale', 'ServiceAbsent'],
    },
    {
      // Not kube_job_status_failed, which counts pods and stays above 0 after a later attempt of the job succeeds.
      name: 'MigrationFailed',
      severity: 'ticket',
      for: '1m',
      optional: 'kube-state-metrics',
      expr: (of) =>
        `max by (namespace, job_name) (${of('kube_job_failed', 'condition="true",job_name=~".*-admin"')}) > 0`,
      summary: 'The job {{ $labels.job_name }} that applies topics and indexes has failed',
      description:
        'helm did not install the new release; the previous release continues. The log of the job names the topic ' +
        'or index that it could not apply.',
      why: 'helm shows the error to the person who installs. This alert is for installations that nobody watches.',
    },
  ],
};
