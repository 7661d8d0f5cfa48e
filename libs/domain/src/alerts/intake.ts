import type { RuleGroup } from './rules.ts';

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
        '{{ $labels.group }} handles no events of {{ $labels.topic }}: the oldest has waited for {{ $value | ' +
        'humanizeDuration }}',
      description:
        'The platform does not process events of the payer. Claims, prior authorizations and opt-outs wait. Facts ' +
        'get old, and reads answer 503.',
      why:
        'A group that lags but handles events needs time, and its service level has an alert of its own. A group ' +
        'that handles nothing, or fails again and again, needs an operator.',
      follows: ['EngineAway'],
    },
    {
      name: 'FeedSilent',
      severity: 'ticket',
      for: '15m',
      expr: (of) => `max by (namespace, source, type) (${of('pa_feed_silence_ratio')}) > 1`,
      summary:
        '{{ $labels.source }} has sent no {{ $labels.type }} for {{ $value | humanize }} times the expected time',
      description:
        'A feed of EXPECTED_FEEDS has stopped. After a roster, providers see the members of yesterday; after a list ' +
        'of opt-outs, they see members who have opted out.',
      why:
        'No other alert notices events that do not come. The operator has said for each feed how long its silence is ' +
        'normal.',
      follows: ['EngineAway', 'IntakeStuck', 'ViewStuck'],
    },
    {
      name: 'NoticesOverdue',
      severity: 'ticket',
      for: '1h',
      expr: (of) => `max by (namespace) (${of('pa_notices_overdue')}) > 0`,
      summary: '{{ $value | humanize }} notices to members are overdue',
      description:
        'Members should have got a notice about sharing and opting out, and nobody has reported that it was sent. ' +
        'The rule gives a week after coverage starts, and a year after the last notice.',
      why: 'Nothing else notices a mail house that got no list, or whose report was not published.',
      follows: ['EngineAway', 'IntakeStuck', 'ViewStuck'],
    },
    {
      name: 'ViewStuck',
      severity: 'page',
      for: '5m',
      expr: (of) =>
        `max by (namespace, view) (${of('pa_view_freshness_seconds')} > 300 and ` +
        `deriv(${of('pa_view_freshness_seconds')}[10m]) > 0.9)`,
      summary: '{{ $labels.view }} is {{ $value | humanizeDuration }} behind and does not catch up',
      description:
        'The age of the view grows as fast as the clock. Either no process writes to it, or it passed over a record ' +
        'at which its projection failed. In the second case, the members of the record are denied.',
      why: 'The age of a view that catches up falls. The alert fires only if it does not.',
      follows: ['EngineAway'],
    },
    {
      name: 'RebuildStuck',
      severity: 'ticket',
      for: '6h',
      expr: (of) => `max by (namespace, view) (${of('pa_view_builds')}) > 1`,
      summary: 'A second build of {{ $labels.view }} has existed for more than six hours',
      description:
        'Readers notice nothing, but the view writes every event twice, and two builds need disk space. Usually the ' +
        'process of a rebuild died, and no operator started it again.',
      why:
        'The largest view of a payer with millions of members is rebuilt within hours. A forgotten rebuild does not ' +
        'start again by itself.',
    },
  ],
};
