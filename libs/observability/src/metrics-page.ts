import { METRICS, type MetricDefinition } from './catalogue.ts';
import { Metrics } from './metrics.ts';

/** What prom-client's metric objects have beside their documented parts. */
interface Registered { readonly name: string; readonly help: string; readonly type: string; readonly labelNames: readonly string[] }

/**
 * docs/metrics.json: every metric with its type, help and labels, those of the process (prom-client's) as well. For whoever has to know
 * names and must not import this library: dashboards and alerts (libs/watch), the chart.
 */
export function metricsPage(): string {
  const own = Object.entries(METRICS as Readonly<Record<string, MetricDefinition>>).map(([name, { type, help, labels, values, buckets }]) => [
    name, { type, help, labels: Object.fromEntries(labels.map((label) => [label, valuesOf(values[label]!)])), ...(buckets !== undefined && { buckets }) },
  ] as const);
  const known = new Set(own.map(([name]) => name));
  const process = (new Metrics({ process: true }).registry.getMetricsAsArray() as readonly unknown[] as readonly Registered[]).filter(({ name }) => !known.has(name)).map(({ name, help, type, labelNames }) => [
    name, { type, help, labels: Object.fromEntries(labelNames.map((label) => [label, 'of Node'])) },
  ] as const);
  return `${JSON.stringify({ metrics: Object.fromEntries([...own, ...process.toSorted(([a], [b]) => (a < b ? -1 : 1))]) }, undefined, 2)}\n`;
}

const valuesOf = (values: MetricDefinition['values'][string]): readonly string[] | string => ('form' in values ? String(values.form) : values);
