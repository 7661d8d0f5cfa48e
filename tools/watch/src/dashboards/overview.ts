import { bars, largest, lines, perSecond, quantile, RATE, stat, states, type Dashboard } from './panels.ts';

const REQUESTS = 'http_server_request_duration_seconds';

/**
 * Do providers get their data in time? The panels follow the data from left to right, from the payer to the download.
 */
export const overview: Dashboard = {
  name: 'overview',
  uid: 'provider-access-road',
  title: 'Provider Access / 1 Overview',
  about:
    'Whether providers get their data in time. If everything is green and the first row is below half, there is ' +
    'nothing to do.',
  rows: [
    {
      title: 'Service levels',
      panels: [
        bars(
          'Share of its time that the oldest open one has used',
          'percentunit',
          'At 100 % the service level is missed. Normal is near 0: minutes of a business day. An alert warns at 50 ' +
            '% and pages ' +
            'at 80 %.',
          [['{{objective}}', largest('pa_slo_oldest_elapsed_ratio', 'objective', 'objective!="opt-out-effective"')]],
          { width: 9, min: 0, max: 1, steps: ['green', [0.5, 'yellow'], [0.8, 'red']] },
        ),
        stat(
          'Met in time, in the range shown',
          'percentunit',
          'Share of the requests and events whose service level was met, of all that ended in the range shown. ' +
            '`pa slo --from --to` reports a period from the log and not from these counters.',
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
          'The probe took all steps',
          'dateTimeFromNow',
          'When the probe last took all steps of a provider, from the token to the file.',
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
          'Half and 99 % of the ended requests and events took at most this time.',
          [
            ['{{objective}} half', quantile(0.5, 'pa_slo_duration_seconds', 'objective')],
            ['{{objective}} 99 %', quantile(0.99, 'pa_slo_duration_seconds', 'objective')],
          ],
          { width: 9 },
        ),
        lines(
          'Runs of the probe in an hour',
          'short',
          'Runs of the probe, by result and by the step that failed.',
          [['{{result}} {{step}}', (of) => `sum by (result, step) (increase(${of('pa_probe_runs_total')}[1h]))`]],
          { width: 9 },
        ),
      ],
    },
    {
      title: 'Intake',
      panels: [
        lines(
          'Payer events taken in',
          'cps',
          'Payer events by their outcome. A `parked` event waits for a person.',
          [['{{outcome}}', perSecond('pa_intake_events_total', 'outcome')]],
          { stacked: true },
        ),
        lines(
          'Oldest event that is not handled',
          's',
          'Age of the oldest record that a consumer group has not handled. Normal is below a second. A bulk load ' +
            'may take ' +
            'minutes; the curve then falls again and again.',
          [['{{group}}', largest('pa_log_oldest_unhandled_seconds', 'group')]],
        ),
        stat(
          'Parked, waiting for a person',
          'short',
          'Parked events of consent and attribution deny their members until somebody resolves them.',
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
      title: 'Requests of providers',
      panels: [
        lines(
          'Requests',
          'reqps',
          'Requests a second, by service.',
          [['{{service}}', perSecond(`${REQUESTS}_count`, 'service')]],
          {
            stacked: true,
          },
        ),
        lines(
          'Share answered with 5xx',
          'percentunit',
          '503 asks the client to repeat the request. Other 5xx are faults.',
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
        lines(
          '99 % are answered within',
          's',
          'Time within which 99 % of requests are answered, by service. An export is accepted at once; its files ' +
            'take longer.',
          [['{{service}}', quantile(0.99, REQUESTS, 'service')]],
        ),
        lines(
          'Age of the facts',
          's',
          'Age of the facts with which services decide. Above FACTS_BOUND_MS (5 s) they answer reads with 503.',
          [['{{service}}', (of) => `max by (service) (${of('pa_facts_age_seconds')})`]],
          { steps: ['green', [5, 'red']] },
        ),
        lines(
          'Exports waiting and running',
          'short',
          'Exports by state.',
          [['{{state}}', largest('pa_export_jobs', 'state', 'state=~"queued|running"')]],
          { stacked: true },
        ),
        lines(
          'Opt-out to effect',
          's',
          'Half and 99 % of opt-outs took effect in every process within this time.',
          [
            ['half', quantile(0.5, 'pa_opt_out_effect_seconds', '')],
            ['99 %', quantile(0.99, 'pa_opt_out_effect_seconds', '')],
          ],
          { steps: ['green', [1, 'red']] },
        ),
      ],
    },
    {
      title: 'Processes and engines',
      panels: [
        stat(
          'Processes',
          'none',
          'Processes that answer the scrape, by service and version. There are two versions during a roll-out.',
          [['{{service}} {{version}}', (of) => `count by (service, version) (${of('pa_build_info')})`]],
          { width: 12 },
        ),
        states(
          'Engines',
          'none',
          'Whether every process reaches the engine. One process that does not reach it counts as away.',
          [['{{engine}}', (of) => `min by (engine) (${of('pa_engine_reachable')})`]],
          { width: 12, words: { 0: 'away', 1: 'there' }, steps: ['red', [1, 'green']] },
        ),
      ],
    },
  ],
};
