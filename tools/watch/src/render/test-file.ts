import { stringify } from 'yaml';
import { NAMESPACE, type AlertCase } from '../cases/case.ts';
import { alertName, RUNBOOKS, type AlertRule } from '@provider-access/domain/alerts';

/** A file for `promtool test rules`: one test for each case, against the real rule file. */
export function testFile(
  ruleFile: string,
  cases: readonly { readonly alert: AlertRule; readonly one: AlertCase }[],
): string {
  return stringify(
    {
      rule_files: [ruleFile],
      evaluation_interval: '1m',
      tests: cases.map(({ alert, one }) => ({
        name: `${alert.name}: ${one.when}`,
        interval: '1m',
        input_series: Object.entries(one.series).map(([series, values]) => ({ series, values })),
        alert_rule_test: [
          {
            eval_time: `${one.at}m`,
            alertname: alertName(alert),
            exp_alerts: one.fires.map(({ labels, summary }) => expected(alert, labels, summary)),
          },
        ],
      })),
    },
    { lineWidth: 0 },
  );
}

function expected(alert: AlertRule, labels: Readonly<Record<string, string>> = {}, summary: string): object {
  const all = { severity: alert.severity, part_of: 'provider-access', namespace: NAMESPACE, ...labels };
  return {
    exp_labels: Object.fromEntries(Object.entries(all).filter(([, value]) => value !== '')),
    exp_annotations: { summary, description: alert.description, runbook_url: `${RUNBOOKS}${alertName(alert)}.md` },
  };
}
