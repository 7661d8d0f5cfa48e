import { DASHBOARDS } from '../dashboards/index.ts';
import { alertName, ALERTS, type AlertRule, PREFIX } from '@provider-access/domain/alerts';

const row = (cells: readonly string[]): string => `| ${cells.join(' | ')} |`;

function alertRow(alert: AlertRule): string {
  const name = alertName(alert);
  const waits = alert.for === '0m' ? 'at once' : alert.for;
  const optional = alert.optional === undefined ? '' : ` Only with ${alert.optional}.`;
  return row([
    `[${alert.name}](runbooks/${name}.md)`,
    alert.severity,
    waits,
    `${alert.why}${optional}`,
    (alert.follows ?? []).join(', ') || '—',
  ]);
}

/** The table of alerts in docs/watching.md. */
export const alertTable = (): string =>
  [
    row(['alert', 'severity', 'after', 'why it notifies', 'silenced by']),
    row(['---', '---', '---', '---', '---']),
    ...ALERTS.map(alertRow),
  ].join('\n');

/** The table of dashboards in docs/watching.md. */
export const dashboardTable = (): string =>
  [
    row(['dashboard', 'what it answers', 'rows']),
    row(['---', '---', '---']),
    ...DASHBOARDS.map(({ name, title, about, rows }) =>
      row([`${title.split(' / ')[1]} (\`${name}.json\`)`, about, rows.map(({ title: row }) => row).join(' · ')]),
    ),
  ].join('\n');

/** Cuts the names of alerts into groups of which each fits on a line of docs/watching.md. */
function fitting(names: readonly string[]): string[][] {
  const groups: string[][] = [[]];
  for (const name of names)
    if ([...groups.at(-1)!, name].join('|').length > 80) groups.push([name]);
    else groups.at(-1)!.push(name);
  return groups;
}

/** For Alertmanager: somebody who is notified of a cause gets no notification of its effects. */
export function inhibitRules(): string {
  const causes = new Map<string, string[]>();
  for (const alert of ALERTS)
    for (const cause of alert.follows ?? []) causes.set(cause, [...(causes.get(cause) ?? []), alertName(alert)]);
  const rules = [...causes].flatMap(([cause, effects]) =>
    fitting(effects).map(
      (group) =>
        `  - source_matchers: [alertname="${PREFIX}${cause}"]\n    target_matchers: ` +
        `[alertname=~"${group.join('|')}"]\n    equal: [namespace]`,
    ),
  );
  return ['inhibit_rules:', ...rules].join('\n');
}
