import { METRICS, type MetricDefinition } from '../../src/observability/catalogue.ts';
import { Metrics } from '../../src/observability/metrics.ts';

/** What prom-client's metric objects have beside their documented parts. */
interface Registered {
  readonly name: string;
  readonly help: string;
  readonly type: string;
  readonly labelNames: readonly string[];
}

/**
 * docs/metrics.json: every metric with its type, help and labels, those of the process (prom-client's) as well. For
 * whoever has to know names and must not import this library: dashboards and alerts (tools/watch), the chart.
 */
export function metricsPage(): string {
  const own = Object.entries(METRICS as Readonly<Record<string, MetricDefinition>>).map(
    ([name, { type, help, labels, values, buckets }]) =>
      [
        name,
        {
          type,
          help,
          labels: Object.fromEntries(labels.map((label) => [label, valuesOf(values[label]!)])),
          ...(buckets !== undefined && { buckets }),
        },
      ] as const,
  );
  const known = new Set(own.map(([name]) => name));
  const process = (
    new Metrics({ process: true }).registry.getMetricsAsArray() as readonly unknown[] as readonly Registered[]
  )
    .filter(({ name }) => !known.has(name))
    .map(
      ({ name, help, type, labelNames }) =>
        [name, { type, help, labels: Object.fromEntries(labelNames.map((label) => [label, 'of Node'])) }] as const,
    );
  const metrics = Object.fromEntries([...own, ...process.toSorted(([a], [b]) => (a < b ? -1 : 1))]);
  return `${JSON.stringify({ metrics }, undefined, 2)}\n`;
}

const valuesOf = (values: MetricDefinition['values'][string]): readonly string[] | string =>
  'form' in values ? String(values.form) : values;

/** Sections of the page, each from this metric of the table on. */
const SECTIONS: Readonly<Record<string, string>> = {
  http_server_request_duration_seconds: 'Requests',
  pa_log_appended_total: 'The log',
  pa_view_lag_records: 'Views and facts',
  pa_intake_events_total: 'Intake',
  pa_export_jobs: 'Exports',
  pa_tokens_issued_total: 'Access',
  pa_slo_total: 'Service levels',
  pa_probe_runs_total: 'The synthetic probe',
  pa_engine_reachable: 'The process',
};
const HEAD = `# Metrics

Generated from \`libs/service/src/observability/catalogue.ts\` (\`npm run metrics-page -w @provider-access/service\`).
\`metrics.json\` has the same as data, with every value of every label. The platform measures nothing else.

- **Where**: \`GET /metrics\` of each process answers in Prometheus' text format 0.0.4; no Ingress routes it. Each
  process also sends the metrics by OTLP over HTTP to \`OTEL_EXPORTER_OTLP_ENDPOINT\` every
  \`OTEL_METRIC_EXPORT_INTERVAL\`, under the same names. \`METRICS=false\` turns both off, and nothing is measured.
- **Series are bounded**: the values of a label are a closed set or patterns from the code, never a member, a client, a
  job or a URL. Any other value counts as \`other\`: an unknown method, a path without a route (\`route="unmatched"\`),
  a reason that is not ours. 500 of each add no series (\`e2e/src/metrics.e2e.spec.ts\`).
- **Several instances**: every process that knows lag, age, freshness, exports, chunks or dead letters reports them for
  the whole platform. Take \`max\` over instances, never \`sum\`. Counters and histograms are of one process: take
  \`sum\`.
- **Unknown values are absent**: while the broker or the database is unreachable, lag and age are missing instead of
  wrong, and \`pa_engine_reachable\` shows the cause. A process asks the engine when somebody reads the gauge, at most
  every 2 s (exports 10 s, chunks 3 s, dead letters 15 s), however many read it.
- **Ages** count from the append (the record's timestamp in the log). If many partitions lag, each scrape checks only
  some of them. An age may then be too old by a few scrapes, but never too young.
- **Autoscaling** of export takes \`pa_export_chunks{state="queued"}\`. [helm.md](helm.md) has the rule for the
  prometheus-adapter.
`;

/** docs/metrics.md: the same for people. */
export function metricsText(): string {
  const rows = Object.entries(METRICS as Readonly<Record<string, MetricDefinition>>).map(
    ([name, { type, help, labels, buckets }]) => {
      const section =
        SECTIONS[name] === undefined
          ? ''
          : `\n## ${SECTIONS[name]}\n\n| metric | type | labels | what |\n| --- | --- | --- | --- |\n`;
      const bounds = buckets === undefined ? '' : ` (${buckets.map((bound) => String(bound)).join(', ')})`;
      return (
        `${section}| \`${name}\` | ${type} | ${labels.map((label) => `\`${label}\``).join(' ')} | ${help}${bounds} ` +
        '|\n'
      );
    },
  );
  const node = `
## Node

prom-client measures the process itself, under its own names: \`process_resident_memory_bytes\`,
\`process_cpu_seconds_total\`, \`process_open_fds\`, \`nodejs_eventloop_lag_p99_seconds\` and other percentiles,
\`nodejs_active_handles_total\`, \`nodejs_heap_size_used_bytes\`, \`nodejs_gc_duration_seconds\`. \`metrics.json\` has
the whole list. The delay of the event loop is sampled every 40 ms, and includes this time.
`;
  return HEAD + rows.join('') + node;
}
