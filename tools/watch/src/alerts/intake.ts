import type { RuleGroup } from '../rules.ts';

export const intake: RuleGroup = {
  name: 'intake',
  alerts: [
    {
      name: 'IntakeStuck',
      severity: 'page',
      for: '5m',
      expr: (of) =>
        [
          `max by (namespace, topic, group) (${of('pa_log_oldest_unhandled_seconds')}) > 300`,
          'unless on (namespace, topic, group) (sum by (namespace, topic, group) ' +
            `(increase(${of('pa_log_handled_total')}[5m])) > 0`,
          'unless on (namespace, topic, group) sum by (namespace, topic, group) ' +
            `(increase(${of('pa_log_handle_failures_total')}[5m])) > 2)`,
        ].join(' '),
      summary:
        '{{ $labels.group }} does not get on with {{ $labels.topic }}: an event waits for {{ $value | ' +
        'humanizeDuration }}',
      description:
        'What the payer publishes is not taken in: claims, prior authorizations and opt-outs wait. Facts get old ' +
        'and reads end with 503.',
      why:
        'A group that is behind but working needs time, not a person (its service level tells when not); one that ' +
        'handles nothing, or fails again and again, needs one.',
      follows: ['EngineAway'],
    },
    {
      name: 'ViewStuck',
      severity: 'page',
      for: '5m',
      expr: (of) =>
        `max by (namespace, view) (${of('pa_view_freshness_seconds')} > 300 and ` +
        `deriv(${of('pa_view_freshness_seconds')}[10m]) > 0.9)`,
      summary: '{{ $labels.view }} does not show what is {{ $value | humanizeDuration }} old',
      description:
        'Its age grows as fast as the clock. Either nothing is written to it, or it passed over a record at which ' +
        'its projection failed: then whom the record concerns is denied.',
      why: 'A view that catches up gets younger; only one that does not is told.',
      follows: ['EngineAway'],
    },
    {
      name: 'RebuildStuck',
      severity: 'ticket',
      for: '6h',
      expr: (of) => `max by (namespace, view) (${of('pa_view_builds')}) > 1`,
      summary: '{{ $labels.view }} is built beside the live one since more than six hours',
      description:
        'Readers notice nothing, but every event is written twice and the old build keeps its room. Mostly it is a ' +
        'rebuild whose process died and that nobody asked for again.',
      why:
        'The largest view of a payer of millions is rebuilt within hours; nothing asks for a forgotten rebuild ' +
        'again.',
    },
  ],
};
