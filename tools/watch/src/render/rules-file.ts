import { stringify } from 'yaml';
import { alertName, ofRelease, RUNBOOKS, type AlertRule, type RuleGroup } from '@provider-access/domain/alerts';

const HEAD = `# Generated from tools/watch (npm run generate -w tools/watch); a test says when it is not current.
# The chart replaces \`namespace=~".*"\` with the release's namespace, and \`${RUNBOOKS}\` with
# monitoring.rules.runbookBaseUrl.
`;

/** One group as Prometheus reads it, and as \`spec.groups\` of a PrometheusRule takes it. */
export function rulesFile(group: RuleGroup): string {
  const rules = [
    ...(group.recordings ?? []).map(({ record, expr }) => ({ record, expr: expr(ofRelease) })),
    ...group.alerts.map(alertRule),
  ];
  return HEAD + stringify({ groups: [{ name: `provider-access.${group.name}`, rules }] }, { lineWidth: 0 });
}

function alertRule(alert: AlertRule): Record<string, unknown> {
  return {
    alert: alertName(alert),
    expr: alert.expr(ofRelease),
    for: alert.for,
    ...(alert.keepFiringFor !== undefined && { keep_firing_for: alert.keepFiringFor }),
    labels: { severity: alert.severity, part_of: 'provider-access' },
    annotations: {
      summary: alert.summary,
      description: alert.description,
      runbook_url: `${RUNBOOKS}${alertName(alert)}.md`,
    },
  };
}
