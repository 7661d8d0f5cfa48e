import { heatmap, lines, perSecond, quantile, RATE, stat, type Dashboard } from './panels.ts';

/** Tokens and refusals, what is released, and how fast an opt-out takes effect. */
export const accessDashboard: Dashboard = {
  name: 'access',
  title: 'Provider Access / 4 Access and opt-outs',
  about:
    'Tokens, decisions, releases, refusals, opt-outs. Reasons are for us: outside, a denied member and an unknown ' +
    'one look the same.',
  rows: [
    {
      title: 'Opt-outs',
      panels: [
        lines(
          'From acceptance to effect',
          's',
          'In every process. Promised within a second.',
          [
            ['half', quantile(0.5, 'pa_opt_out_effect_seconds', '')],
            ['95 %', quantile(0.95, 'pa_opt_out_effect_seconds', '')],
            ['99 %', quantile(0.99, 'pa_opt_out_effect_seconds', '')],
          ],
          { steps: ['green', [1, 'red']] },
        ),
        heatmap('Opt-outs by time to effect', 's', 'Each of them.', [
          ['{{le}}', (of) => `sum by (le) (increase(${of('pa_opt_out_effect_seconds_bucket')}[${RATE}]))`],
        ]),
        lines(
          'Share later than a second',
          'percentunit',
          'Over an hour and six: 14.4 and 6 times the budget of 1 % page.',
          [
            ['1 h', (of) => of('namespace_objective:pa_slo_missed:ratio_rate1h', 'objective="opt-out-effective"')],
            ['6 h', (of) => of('namespace_objective:pa_slo_missed:ratio_rate6h', 'objective="opt-out-effective"')],
          ],
          { min: 0 },
        ),
        lines(
          'Age of the facts',
          's',
          'By process: what is decided with. Above 5 s nothing is decided.',
          [['{{service}} {{instance}}', (of) => of('pa_facts_age_seconds')]],
          { width: 12, steps: ['green', [5, 'red']] },
        ),
        stat(
          'Sources denied as a whole',
          'short',
          'Because of parked events that name no member.',
          [['', (of) => `max(${of('pa_access_held_sources')})`]],
          { width: 6, steps: ['green', [1, 'red']] },
        ),
        stat(
          'Records that could not be read',
          'short',
          'Of the platform, by the facts in memory: whom they concern is denied.',
          [['', (of) => `max(${of('pa_facts_unreadable_records')})`]],
          { width: 6, steps: ['green', [1, 'red']] },
        ),
        stat(
          'Parked events that may deny',
          'short',
          'Of consent and attribution: one member each.',
          [
            [
              '{{service}}',
              (of) =>
                'sum by (service) (max by (topic, service) ' +
                `(${of('pa_dead_letters_open', 'service=~"consent|attribution"')}))`,
            ],
          ],
          { width: 6, steps: ['green', [1, 'yellow']] },
        ),
      ],
    },
    {
      title: 'Tokens',
      panels: [
        lines('Issued', 'cps', 'Access tokens.', [
          ['issued', (of) => `sum(rate(${of('pa_tokens_issued_total')}[${RATE}]))`],
        ]),
        lines(
          'Refused, by reason',
          'cps',
          'key, signature: a wrong key. time: a clock. jti: one assertion used twice. client: nobody of ours.',
          [['{{reason}}', perSecond('pa_token_refusals_total', 'reason')]],
          { stacked: true },
        ),
        lines(
          'Registrations that left',
          'cps',
          'Without an approval: after 30 days, or displaced by newer ones. Displaced ones mean that somebody ' +
            'registers junk.',
          [['{{reason}}', perSecond('pa_registrations_dropped_total', 'reason')]],
          { width: 12 },
        ),
        stat(
          'Registrations that wait',
          'short',
          'For a reviewer: `pa apps list --status pending`. At most 500 are kept.',
          [['', (of) => `max(${of('pa_registrations_waiting')})`]],
          { width: 6, steps: ['green', [400, 'yellow']] },
        ),
        lines(
          'Hits of caches',
          'percentunit',
          'Access tokens, key sets of clients, documents of views.',
          [
            [
              '{{cache}}',
              (of) =>
                `sum by (cache) (rate(${of('pa_cache_requests_total', 'result="hit"')}[${RATE}])) / sum by (cache) ` +
                `(rate(${of('pa_cache_requests_total')}[${RATE}]))`,
            ],
          ],
          { min: 0, max: 1 },
        ),
      ],
    },
    {
      title: 'Releases and refusals (as recorded in pa.audit)',
      panels: [
        lines(
          'Releases',
          'cps',
          'One a response or file. The audit has those of a Group once an hour.',
          [['{{kind}}', perSecond('pa_disclosures_total', 'kind')]],
          { stacked: true },
        ),
        lines(
          'Refusals',
          'cps',
          'Many for unknown members from few clients: somebody tries ids. `GET /ops/disclosures` says who.',
          [['{{reason}}', perSecond('pa_refusals_total', 'reason')]],
          { stacked: true },
        ),
        lines(
          'Decisions',
          'cps',
          'By outcome: every read, page, match, member of an export, segment of a download.',
          [['{{outcome}}', perSecond('pa_access_decisions_total', 'outcome')]],
          { stacked: true },
        ),
      ],
    },
  ],
};
