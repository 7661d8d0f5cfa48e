import { heatmap, largest, lines, perSecond, quantile, RATE, stat, table, type Dashboard } from './panels.ts';

/** From the payer's topic to the views. */
export const intakeDashboard: Dashboard = {
  name: 'intake',
  title: 'Provider Access / 2 Intake',
  about: 'What the payer publishes, how far behind each group and each view is, and what was parked.',
  rows: [
    {
      title: 'Events of the payer',
      panels: [
        lines(
          'Taken in, by outcome',
          'cps',
          '`unchanged`: said before. `superseded`: older than what stands. `before-floor` and `not-served`: ' +
            'nothing that providers may have. `parked`: waits for a person. `refused`: never accepted by POST ' +
            '/events.',
          [['{{service}} {{outcome}}', perSecond('pa_intake_events_total', 'service, outcome')]],
          { width: 12, stacked: true },
        ),
        lines(
          'Appended, by topic',
          'cps',
          'What we append. payer.* is only what came by POST /events: systems that write to Kafka themselves are ' +
            'seen by the lag.',
          [['{{topic}}', perSecond('pa_log_appended_total', 'topic')]],
          { width: 12, stacked: true },
        ),
        lines(
          'References that nobody can follow',
          'cps',
          'Conditional references in what was recorded. `pa publish` resolves those of files; the receipt says ' +
            'where they are (docs/publishing.md).',
          [['{{service}}', perSecond('pa_intake_unresolved_references_total', 'service')]],
          { width: 12 },
        ),
        stat(
          'Parked now',
          'short',
          'By who could not take them. `pa dead-letters list` shows them, runbook ProviderAccessEventsParked says ' +
            'what to do.',
          [['{{service}} {{topic}}', largest('pa_dead_letters_open', 'topic, service')]],
          { width: 12, steps: ['green', [1, 'yellow']] },
        ),
        lines(
          'Parked in the last hour',
          'short',
          'A step tells when a payer system began to send something wrong.',
          [['parked', (of) => `sum(increase(${of('pa_intake_events_total', 'outcome="parked"')}[1h]))`]],
          { width: 12 },
        ),
      ],
    },
    {
      title: 'Groups',
      panels: [
        lines(
          'Oldest record not handled',
          's',
          'By group and topic. It grows as fast as the clock when a group stands still.',
          [['{{group}} {{topic}}', largest('pa_log_oldest_unhandled_seconds', 'group, topic')]],
          { width: 12 },
        ),
        lines(
          'Lag',
          'short',
          'Records between what a group has committed and the head, over all partitions.',
          [['{{group}} {{topic}}', largest('pa_log_lag_records', 'group, topic')]],
          { width: 12 },
        ),
        lines('Handled', 'cps', 'All processes together.', [['{{group}}', perSecond('pa_log_handled_total', 'group')]]),
        lines('99 % of batches took', 's', 'A batch longer than the session loses its partitions.', [
          ['{{group}}', quantile(0.99, 'pa_log_handle_duration_seconds', 'group')],
        ]),
        lines(
          'Batches that failed',
          'cps',
          'They come again until they are handled: with an engine away all, else none.',
          [['{{group}} {{topic}}', perSecond('pa_log_handle_failures_total', 'group, topic')]],
        ),
        heatmap('Duration of batches', 's', 'All groups: two bands mean that some batches wait for something.', [
          ['{{le}}', (of) => `sum by (le) (rate(${of('pa_log_handle_duration_seconds_bucket')}[${RATE}]))`],
        ]),
      ],
    },
    {
      title: 'Views',
      panels: [
        lines(
          'Oldest record that a view does not show',
          's',
          'What somebody who reads does not see yet.',
          [['{{view}}', largest('pa_view_freshness_seconds', 'view')]],
          { width: 12 },
        ),
        lines(
          'Records behind',
          'short',
          'By view and topic.',
          [['{{view}} {{topic}}', largest('pa_view_lag_records', 'view, topic')]],
          { width: 12 },
        ),
        table(
          'Builds',
          'short',
          'Two while one is built beside the live one. A version that nobody reads any more is dropped.',
          [['builds', largest('pa_view_builds', 'view')]],
          { width: 12 },
        ),
        lines(
          'Appends that failed',
          'cps',
          'By topic. Normal is none; with Kafka away all.',
          [['{{topic}}', perSecond('pa_log_append_failures_total', 'topic')]],
          { width: 12 },
        ),
      ],
    },
  ],
};
