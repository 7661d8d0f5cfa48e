import { bars, largest, lines, perSecond, quantile, RATE, stat, states, type Dashboard } from './panels.ts';

const REQUESTS = 'http_server_request_duration_seconds';

/**
 * Do providers get their data in time? The panels follow the data from left to right, from the payer to the download.
 */
export const road: Dashboard = {
  name: 'road',
  title: 'Provider Access / 1 Road at a glance',
  about: 'Whether providers get their data in time. Everything green and the first row below half: nothing to do.',
  rows: [
    {
      title: 'Service levels',
      panels: [
        bars(
          'Share of its time that the oldest open one has used',
          'percentunit',
          'At 100 % the service level is missed. Normal is near 0: minutes of a business day. Told at 50 %, paged ' +
            'at 80 %.',
          [['{{objective}}', largest('pa_slo_oldest_elapsed_ratio', 'objective', 'objective!="opt-out-effective"')]],
          { width: 9, min: 0, max: 1, steps: ['green', [0.5, 'yellow'], [0.8, 'red']] },
        ),
        stat(
          'Met in time, in the range shown',
          'percentunit',
          'Of all that ended in the time range above. The report for a period is `pa slo --from --to`: it reads ' +
            'the log and not these counters.',
          [
            [
              '{{objective}}',
              (of) =>
                `1 - (sum by (objective) (increase(${of('pa_slo_total', 'result="missed"')}[$__range])) or 0 * sum ` +
                `by (objective) (increase(${of('pa_slo_total')}[$__range]))) / (sum by (objective) ` +
                `(increase(${of('pa_slo_total')}[$__range])) > 0)`,
            ],
          ],
          { width: 9, steps: ['red', [0.99, 'yellow'], [0.999, 'green']] },
        ),
        stat(
          'The probe walked the road',
          'dateTimeFromNow',
          'When our own client last did all that a provider does, from token to file.',
          [['last success', (of) => `max(${of('pa_probe_last_success_timestamp_seconds')}) * 1000`]],
          { width: 6 },
        ),
        lines(
          'Open',
          'short',
          'Requests and events whose service level still runs.',
          [['{{objective}}', largest('pa_slo_pending', 'objective')]],
          { width: 6 },
        ),
        lines(
          'How long they took',
          's',
          'Half and 99 % of those that ended.',
          [
            ['{{objective}} half', quantile(0.5, 'pa_slo_duration_seconds', 'objective')],
            ['{{objective}} 99 %', quantile(0.99, 'pa_slo_duration_seconds', 'objective')],
          ],
          { width: 9 },
        ),
        lines(
          'Runs of the probe in an hour',
          'short',
          'By result and the step that failed.',
          [['{{result}} {{step}}', (of) => `sum by (result, step) (increase(${of('pa_probe_runs_total')}[1h]))`]],
          { width: 9 },
        ),
      ],
    },
    {
      title: 'What goes in',
      panels: [
        lines(
          'Payer events taken in',
          'cps',
          'By what became of them. `parked` waits for a person.',
          [['{{outcome}}', perSecond('pa_intake_events_total', 'outcome')]],
          { stacked: true },
        ),
        lines(
          'Oldest event that is not handled',
          's',
          'By consumer group. Normal is below a second; a bulk load may take minutes, but the curve then has teeth.',
          [['{{group}}', largest('pa_log_oldest_unhandled_seconds', 'group')]],
        ),
        stat(
          'Parked, waiting for a person',
          'short',
          'Those of consent and attribution deny their members until somebody acts.',
          [['{{service}}', (of) => `sum by (service) (max by (topic, service) (${of('pa_dead_letters_open')}))`]],
          { width: 4, steps: ['green', [1, 'yellow']] },
        ),
        stat(
          'Sources denied as a whole',
          'short',
          'A parked event that names no member denies every member of its payer system.',
          [['', (of) => `max(${of('pa_access_held_sources')})`]],
          { width: 4, steps: ['green', [1, 'red']] },
        ),
      ],
    },
    {
      title: 'What providers see',
      panels: [
        lines('Requests', 'reqps', 'By service.', [['{{service}}', perSecond(`${REQUESTS}_count`, 'service')]], {
          stacked: true,
        }),
        lines(
          'Share answered with 5xx',
          'percentunit',
          '503 is a promise to do it later; other 5xx are faults.',
          [
            [
              '{{service}}',
              (of) =>
                `sum by (service) (rate(${of(`${REQUESTS}_count`, 'status=~"5.."')}[${RATE}])) / sum by (service) ` +
                `(rate(${of(`${REQUESTS}_count`)}[${RATE}]))`,
            ],
          ],
          { min: 0, steps: ['green', [0.05, 'red']] },
        ),
        lines('99 % are answered within', 's', 'By service; exports are accepted at once, their files take longer.', [
          ['{{service}}', quantile(0.99, REQUESTS, 'service')],
        ]),
        lines(
          'Age of the facts',
          's',
          'Above FACTS_BOUND_MS (5 s) nothing is decided and reads are 503.',
          [['{{service}}', (of) => `max by (service) (${of('pa_facts_age_seconds')})`]],
          { steps: ['green', [5, 'red']] },
        ),
        lines(
          'Exports waiting and running',
          'short',
          'By state.',
          [['{{state}}', largest('pa_export_jobs', 'state', 'state=~"queued|running"')]],
          { stacked: true },
        ),
        lines(
          'Opt-out to effect',
          's',
          'Half and 99 % of opt-outs were effective in every process within.',
          [
            ['half', quantile(0.5, 'pa_opt_out_effect_seconds', '')],
            ['99 %', quantile(0.99, 'pa_opt_out_effect_seconds', '')],
          ],
          { steps: ['green', [1, 'red']] },
        ),
      ],
    },
    {
      title: 'What runs',
      panels: [
        stat(
          'Processes',
          'none',
          'Scraped now, by service and version: two versions while one is rolled out.',
          [['{{service}} {{version}}', (of) => `count by (service, version) (${of('pa_build_info')})`]],
          { width: 12 },
        ),
        states(
          'Engines',
          'none',
          'As seen by the process that sees least.',
          [['{{engine}}', (of) => `min by (engine) (${of('pa_engine_reachable')})`]],
          { width: 12, words: { 0: 'away', 1: 'there' }, steps: ['red', [1, 'green']] },
        ),
      ],
    },
  ],
};
