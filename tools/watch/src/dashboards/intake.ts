import { heatmap, largest, lines, perSecond, quantile, RATE, stat, table, type Dashboard } from './panels.ts';

/** From the payer's topic to the views. */
export const intakeDashboard: Dashboard = {
  name: 'intake',
  title: 'Provider Access / 2 Intake',
  about: 'Events of the payer, the lag of each group and each view, and parked events.',
  rows: [
    {
      title: 'Events of the payer',
      panels: [
        lines(
          'Taken in, by outcome',
          'cps',
          '`unchanged`: a repetition. `superseded`: older than the current version. `before-floor` and `not-served`: ' +
            'providers may not have it. `parked`: waits for a person. `refused`: never accepted by POST ' +
            '/events.',
          [['{{service}} {{outcome}}', perSecond('pa_intake_events_total', 'service, outcome')]],
          { width: 12, stacked: true },
        ),
        lines(
          'Appended, by topic',
          'cps',
          'Records that the services append. payer.* are events from POST /events only; the lag shows those of ' +
            'systems that write to Kafka themselves.',
          [['{{topic}}', perSecond('pa_log_appended_total', 'topic')]],
          { width: 12, stacked: true },
        ),
        lines(
          'References that nobody can follow',
          'cps',
          'Conditional references in recorded resources, and attachments whose URL leads nowhere. `pa publish` ' +
            'resolves the references of files; the receipt names the places (docs/publishing.md).',
          [['{{service}}', perSecond('pa_intake_unresolved_references_total', 'service')]],
          { width: 12 },
        ),
        stat(
          'Parked now',
          'short',
          'Open dead letters, by the service that could not handle them. `pa dead-letters list` shows them. Follow ' +
            'runbook ProviderAccessEventsParked.',
          [['{{service}} {{topic}}', largest('pa_dead_letters_open', 'topic, service')]],
          { width: 12, steps: ['green', [1, 'yellow']] },
        ),
        lines(
          'Parked in the last hour',
          'short',
          'A step shows when a payer system began to send faulty events.',
          [['parked', (of) => `sum(increase(${of('pa_intake_events_total', 'outcome="parked"')}[1h]))`]],
          { width: 12 },
        ),
        lines(
          'Silence of expected feeds',
          'percentunit',
          'Time since the newest event of each feed in EXPECTED_FEEDS, as a share of the time that is expected. An ' +
            'alert fires above 100 %. `pa freshness` lists all feeds.',
          [['{{source}} {{type}}', largest('pa_feed_silence_ratio', 'source, type')]],
          { width: 24 },
        ),
      ],
    },
    {
      title: 'Groups',
      panels: [
        lines(
          'Oldest record not handled',
          's',
          'Age of the oldest record that a group has not handled, by topic. It grows as fast as the clock while a ' +
            'group stands still.',
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
        lines('Handled', 'cps', 'Records that a group handles in a second, over all processes.', [
          ['{{group}}', perSecond('pa_log_handled_total', 'group')],
        ]),
        lines('99 % of batches took', 's', 'A batch longer than the session loses its partitions.', [
          ['{{group}}', quantile(0.99, 'pa_log_handle_duration_seconds', 'group')],
        ]),
        lines(
          'Batches that failed',
          'cps',
          'A failed batch is delivered again until it is handled. While an engine is away all batches fail. Normal ' +
            'is none.',
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
          'Age of the oldest record that readers of a view do not see yet.',
          [['{{view}}', largest('pa_view_freshness_seconds', 'view')]],
          { width: 12 },
        ),
        lines(
          'Records behind',
          'short',
          'Records that a view has not read, by topic.',
          [['{{view}} {{topic}}', largest('pa_view_lag_records', 'view, topic')]],
          { width: 12 },
        ),
        table(
          'Builds',
          'short',
          'Two while a new build is made beside the live one. A version that no process reads is dropped.',
          [['builds', largest('pa_view_builds', 'view')]],
          { width: 12 },
        ),
        lines(
          'Appends that failed',
          'cps',
          'Appends that failed, by topic. Normal is none. While Kafka is away all appends fail.',
          [['{{topic}}', perSecond('pa_log_append_failures_total', 'topic')]],
          { width: 12 },
        ),
      ],
    },
  ],
};
