import type { RuleGroup } from './rules.ts';

/** Objectives in business days. The objective of opt-outs, one second, is too short for a warning. */
const DAYS = 'objective!="opt-out-effective"';
const OPT_OUT = 'objective="opt-out-effective"';
/** The share of opt-outs that must be effective within a second. */
const OPT_OUT_TARGET = 0.99;
const budget = (times: number): string => String(Math.round(times * (1 - OPT_OUT_TARGET) * 1000) / 1000);
const missedShare = (window: string): string => `namespace_objective:pa_slo_missed:ratio_rate${window}`;

export const serviceLevels: RuleGroup = {
  name: 'service-levels',
  recordings: ['5m', '30m', '1h', '6h'].map((window) => ({
    record: missedShare(window),
    labels: ['namespace', 'objective'],
    expr: (of) =>
      `sum by (namespace, objective) (rate(${of('pa_slo_total', 'result="missed"')}[${window}])) / (sum by ` +
      `(namespace, objective) (rate(${of('pa_slo_total')}[${window}])) > 0)`,
  })),
  alerts: [
    {
      name: 'ServiceLevelAtRisk',
      severity: 'ticket',
      for: '10m',
      expr: (of) => `max by (namespace, objective) (${of('pa_slo_oldest_elapsed_ratio', DAYS)}) > 0.5`,
      summary: 'The oldest open {{ $labels.objective }} has used {{ $value | humanizePercentage }} of its business day',
      description:
        'A request or an event that normally takes minutes has waited for hours. The deadline is not missed yet. At ' +
        '80 % another alert pages.',
      why: 'Minutes are normal. With half a business day left, an operator can act during working hours.',
    },
    {
      name: 'ServiceLevelNearlyMissed',
      severity: 'page',
      for: '5m',
      expr: (of) =>
        `max by (namespace, objective) (${of('pa_slo_oldest_elapsed_ratio', DAYS)}) > 0.8 or max by (namespace, ` +
        `objective) (${of('pa_slo_oldest_elapsed_ratio', OPT_OUT)}) > 30`,
      summary: 'The oldest open {{ $labels.objective }} is at {{ $value | printf "%.2f" }} times its deadline',
      description:
        'At 1 the service level is missed: after one business day (42 CFR 422.121(a)(2)), or for an opt-out after ' +
        'one second. For opt-outs the alert fires at 30, because they are then stuck and not only slow.',
      why: 'An operator can still prevent the miss. An opt-out that takes half a minute is stuck.',
      follows: ['EngineAway', 'IntakeStuck'],
    },
    {
      name: 'ServiceLevelMissed',
      severity: 'ticket',
      for: '0m',
      expr: (of) =>
        `sum by (namespace, objective) (increase(${of('pa_slo_total', `result="missed",${DAYS}`)}[1h])) > 0`,
      summary: '{{ $value | humanize }} of {{ $labels.objective }} ended after the deadline within the last hour',
      description: 'The miss cannot be repaired, but the report must explain it. `pa slo --from --to` prints it.',
      why: 'A missed legal deadline needs an entry in the report, not a person at night.',
    },
    {
      name: 'OptOutsLate',
      severity: 'page',
      for: '2m',
      expr: (of) =>
        [
          `((${of(missedShare('1h'), OPT_OUT)} > ${budget(14.4)} and ${of(missedShare('5m'), OPT_OUT)} > ` +
            `${budget(14.4)})`,
          `or (${of(missedShare('6h'), OPT_OUT)} > ${budget(6)} and ${of(missedShare('30m'), OPT_OUT)} > ` +
            `${budget(6)}))`,
          'and on (namespace) sum by (namespace) ' +
            `(increase(${of('pa_slo_total', `result="missed",${OPT_OUT}`)}[1h])) > 2`,
        ].join(' '),
      summary: '{{ $value | humanizePercentage }} of opt-outs take longer than a second',
      description:
        'Providers may see members for longer than promised after their opt-out. The alert fires at burn rates of ' +
        '14.4 over an hour or 6 over six hours, with at least three misses, against 99 % within a second.',
      why: 'The burn rate over two windows fires fast, ends soon after the fault, and ignores a single slow opt-out.',
      follows: ['EngineAway'],
    },
  ],
};
