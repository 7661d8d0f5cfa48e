import { ValueType, type HrTime } from '@opentelemetry/api';
import {
  AggregationTemporality,
  DataPointType,
  type DataPoint,
  type Histogram,
  type MetricData,
} from '@opentelemetry/sdk-metrics';

/** A metric as prom-client's registry gives it. */
export interface PromMetric {
  readonly name: string;
  readonly help: string;
  readonly type: string;
  readonly values: readonly {
    readonly value: number;
    readonly labels: Readonly<Record<string, string | number | undefined>>;
    readonly metricName?: string;
  }[];
}

const hrTime = (ms: number): HrTime => [Math.trunc(ms / 1000), Math.round((ms % 1000) * 1e6)];
/** By the unit that a name ends with: the field's names keep it when a collector makes Prometheus' names again. */
const unitOf = (name: string): string => (name.endsWith('_seconds') ? 's' : /_bytes(_total)?$/.test(name) ? 'By' : '');

/**
 * Metrics of the registry in OpenTelemetry's model, under their own names: one table is what dashboards, alerts and
 * this say. `since` and `now` are ms
 * since the epoch.
 */
export function toMetricData(metrics: readonly PromMetric[], since: number, now: number): MetricData[] {
  const times = { startTime: hrTime(since), endTime: hrTime(now) };
  return metrics.flatMap((metric): MetricData[] => {
    const { name, help, type, values } = metric;
    if (values.length === 0) return [];
    const descriptor = { name, description: help, unit: unitOf(name), valueType: ValueType.DOUBLE };
    const base = { descriptor, aggregationTemporality: AggregationTemporality.CUMULATIVE };
    if (type === 'histogram')
      return [
        {
          ...base,
          dataPointType: DataPointType.HISTOGRAM,
          dataPoints: histograms(metric).map((point) => ({ ...times, ...point })),
        },
      ];
    const dataPoints = values
      .filter(({ value }) => Number.isFinite(value))
      .map(({ value, labels }) => ({ ...times, attributes: attributesOf(labels), value }));
    if (type === 'counter') return [{ ...base, dataPointType: DataPointType.SUM, isMonotonic: true, dataPoints }];
    return type === 'gauge' ? [{ ...base, dataPointType: DataPointType.GAUGE, dataPoints }] : [];
  });
}

const attributesOf = (labels: Readonly<Record<string, string | number | undefined>>): Record<string, string> =>
  Object.fromEntries(
    Object.entries(labels).flatMap(([label, value]) =>
      label === 'le' || value === undefined ? [] : [[label, String(value)]],
    ),
  );

/** Prometheus' buckets are cumulative, and each is a sample of its own. */
function histograms({ name, values }: PromMetric): Pick<DataPoint<Histogram>, 'attributes' | 'value'>[] {
  const points = new Map<
    string,
    { attributes: Record<string, string>; cumulative: [bound: number, count: number][]; sum: number; count: number }
  >();
  for (const { value, labels, metricName } of values) {
    const attributes = attributesOf(labels);
    const key = JSON.stringify(attributes);
    let point = points.get(key);
    if (point === undefined) points.set(key, (point = { attributes, cumulative: [], sum: 0, count: 0 }));
    if (metricName === `${name}_sum`) point.sum = value;
    else if (metricName === `${name}_count`) point.count = value;
    else point.cumulative.push([labels['le'] === '+Inf' ? Number.POSITIVE_INFINITY : Number(labels['le']), value]);
  }
  return [...points.values()].map(({ attributes, cumulative, sum, count }) => {
    const sorted = cumulative.toSorted(([a], [b]) => a - b);
    const boundaries = sorted.map(([bound]) => bound).filter((bound) => Number.isFinite(bound));
    return {
      attributes,
      value: { buckets: { boundaries, counts: sorted.map(([, n], i) => n - (sorted[i - 1]?.[1] ?? 0)) }, sum, count },
    };
  });
}
