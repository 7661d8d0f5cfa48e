import { METRICS, type Metric } from '../catalogue.ts';
import { namesIn } from '../promql.ts';
import { ofDashboard } from '@provider-access/domain/alerts';
import { accessDashboard } from './access.ts';
import { enginesDashboard } from './engines.ts';
import { exportsDashboard } from './exports.ts';
import { intakeDashboard } from './intake.ts';
import { lines, perSecond, quantile, type Dashboard, type Panel } from './panels.ts';
import { overview } from './overview.ts';

const WRITTEN: readonly Dashboard[] = [overview, intakeDashboard, exportsDashboard, accessDashboard, enginesDashboard];

/** The metrics that some panel of these dashboards reads. */
function shown(dashboards: readonly Dashboard[]): ReadonlySet<string> {
  const panels = dashboards.flatMap(({ rows }) => rows.flatMap((row) => row.panels));
  const expressions = panels.flatMap(({ queries }) => queries.map(({ expr }) => expr(ofDashboard)));
  return new Set(
    expressions.flatMap((expr) =>
      namesIn(expr).selectors.map(({ metric }) => metric.replace(/_(bucket|sum|count)$/, '')),
    ),
  );
}

/** A plain panel for a metric for which nobody has written one. */
function plainPanel(name: string, { type, help, labels }: Metric): Panel {
  const by = labels.join(', ');
  const legend = labels.length === 0 ? name : labels.map((label) => `{{${label}}}`).join(' ');
  if (type === 'counter') return lines(name, 'cps', `${help}.`, [[legend, perSecond(name, by)]]);
  if (type === 'histogram') return lines(name, 'short', `${help}, 95 %.`, [[legend, quantile(0.95, name, by)]]);
  return lines(name, 'short', `${help}.`, [[legend, (of) => of(name)]]);
}

/** @param metrics every metric of the platform; a new one is on the last dashboard until somebody gives it a place */
export function withAllMetrics(
  dashboards: readonly Dashboard[],
  metrics: ReadonlyMap<string, Metric> = METRICS,
): readonly Dashboard[] {
  const seen = shown(dashboards);
  const missing = [...metrics].filter(([name]) => !seen.has(name));
  if (missing.length === 0) return dashboards;
  const row = { title: 'Other metrics', panels: missing.map(([name, metric]) => plainPanel(name, metric)) };
  return dashboards.map((each, i) => (i < dashboards.length - 1 ? each : { ...each, rows: [...each.rows, row] }));
}

export const DASHBOARDS: readonly Dashboard[] = withAllMetrics(WRITTEN);
