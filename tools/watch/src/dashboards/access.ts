import { heatmap, lines, perSecond, quantile, RATE, stat, type Dashboard } from './panels.ts';

/** Tokens and refusals, what is released, and how fast an opt-out takes effect. */
export const accessDashboard: Dashboard = {
  name: 'access',
  title: 'Provider Access / 4 Access and opt-outs',
  about:
    'Tokens, decisions, releases, refusals, opt-outs. Only the payer sees reasons: a provider gets the same answer ' +
    'for a denied member and for an unknown one.',
  rows: [
    {
      title: 'Opt-outs',
      panels: [
        lines(
          'From acceptance to effect',
          's',
          'Half and 99 % of opt-outs take effect in every process within this time. The promise is one second.',
          [
            ['half', quantile(0.5, 'pa_opt_out_effect_seconds', '')],
            ['95 %', quantile(0.95, 'pa_opt_out_effect_seconds', '')],
            ['99 %', quantile(0.99, 'pa_opt_out_effect_seconds', '')],
          ],
          { steps: ['green', [1, 'red']] },
        ),
        heatmap(
          'Opt-outs by time to effect',
          's',
          'Each opt-out, by the time from its acceptance to its effect in every process.',
          [['{{le}}', (of) => `sum by (le) (increase(${of('pa_opt_out_effect_seconds_bucket')}[${RATE}]))`]],
        ),
        lines(
          'Share later than a second',
          'percentunit',
          'Share of opt-outs that took longer than a second, in one hour and in six. An alert pages at 14.4 and at ' +
            '6 times the budget of 1 %.',
          [
            ['1 h', (of) => of('namespace_objective:pa_slo_missed:ratio_rate1h', 'objective="opt-out-effective"')],
            ['6 h', (of) => of('namespace_objective:pa_slo_missed:ratio_rate6h', 'objective="opt-out-effective"')],
          ],
          { min: 0 },
        ),
        lines(
          'Age of the facts',
          's',
          'Age of the facts with which each process decides. Above 5 s it decides nothing and answers 503.',
          [['{{service}} {{instance}}', (of) => of('pa_facts_age_seconds')]],
          { width: 12, steps: ['green', [5, 'red']] },
        ),
        stat(
          'Sources denied as a whole',
          'short',
          'Payer systems whose members are all denied, because a parked event of the system names no member.',
          [['', (of) => `max(${of('pa_access_held_sources')})`]],
          { width: 6, steps: ['green', [1, 'red']] },
        ),
        stat(
          'Records that could not be read',
          'short',
          'Records of the platform that the facts in memory could not read. The members whom they concern are denied.',
          [['', (of) => `max(${of('pa_facts_unreadable_records')})`]],
          { width: 6, steps: ['green', [1, 'red']] },
        ),
        stat(
          'Parked events that may deny',
          'short',
          'Parked events of consent and attribution. Each denies one member until somebody resolves it.',
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
          'key, signature: a wrong key. time: a wrong clock. jti: an assertion was used twice. client: not registered.',
          [['{{reason}}', perSecond('pa_token_refusals_total', 'reason')]],
          { stacked: true },
        ),
        lines(
          'Registrations that left',
          'cps',
          'Registrations that were dropped without an approval: after 30 days, or because newer ones displaced them. ' +
            'Displaced ones mean that somebody registers junk.',
          [['{{reason}}', perSecond('pa_registrations_dropped_total', 'reason')]],
          { width: 12 },
        ),
        stat(
          'Registrations that wait',
          'short',
          'Registrations that wait for a reviewer: `pa apps list --status pending`. At most 500 are kept.',
          [['', (of) => `max(${of('pa_registrations_waiting')})`]],
          { width: 6, steps: ['green', [400, 'yellow']] },
        ),
        lines(
          'Hits of caches',
          'percentunit',
          'Share of lookups that a cache answers: access tokens, key sets of clients, documents of views.',
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
          'Releases by action. Each response and file counts once. The audit has releases of a Group once an hour.',
          [['{{kind}}', perSecond('pa_disclosures_total', 'kind')]],
          { stacked: true },
        ),
        lines(
          'Refusals',
          'cps',
          'Many refusals for unknown members from few clients mean that somebody tries ids. `GET /ops/disclosures` ' +
            'names the client.',
          [['{{reason}}', perSecond('pa_refusals_total', 'reason')]],
          { stacked: true },
        ),
        lines(
          'Requests without a valid token',
          'cps',
          'Requests answered 401, or 429 after many forged tokens. Tokens end after five minutes, so a few are ' +
            'normal. The log has a line a minute with the address of the last sender.',
          [['{{reason}}', perSecond('pa_unauthenticated_requests_total', 'reason')]],
          { stacked: true },
        ),
        lines(
          'Decisions',
          'cps',
          'Decisions by outcome: one for each read, page, match, member of an export and segment of a download.',
          [['{{outcome}}', perSecond('pa_access_decisions_total', 'outcome')]],
          { stacked: true },
        ),
      ],
    },
  ],
};
