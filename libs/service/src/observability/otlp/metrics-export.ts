import { convertLegacyHttpOptions, createOtlpHttpExportDelegate } from '@opentelemetry/otlp-exporter-base/node-http';
import { MetricsExporterMetricsHelper, ProtobufMetricsSerializer } from '@opentelemetry/otlp-transformer';
import { resourceFromAttributes } from '@opentelemetry/resources';
import type { PushMetricExporter } from '@opentelemetry/sdk-metrics';
import type { Metrics } from '../metrics.ts';
import { onceAMinute, otlpConfig, resourceOf, type Sender } from './connection.ts';
import { toMetricData, type PromMetric } from './metric-data.ts';

export interface MetricsExportOptions extends Sender {
  readonly metrics: Metrics;
  readonly service: string;
  readonly intervalMs: number;
}
type Exporter = Pick<PushMetricExporter, 'export' | 'shutdown'>;

/**
 * Sends the content of `/metrics` to a collector at an interval and at the end. Loaded only if a collector is
 * configured.
 */
export class MetricsExport {
  readonly #options: MetricsExportOptions;
  readonly #exporter: Exporter;
  readonly #timer: NodeJS.Timeout;
  readonly #since = Date.now();
  readonly #mayWarn = onceAMinute();

  constructor(options: MetricsExportOptions, exporter: Exporter = otlpExporter(options)) {
    this.#options = options;
    this.#exporter = exporter;
    this.#timer = setInterval(() => void this.flush(), options.intervalMs).unref();
  }

  /** A collector that is away is logged once a minute. Cumulative values come with the next export. */
  async flush(): Promise<void> {
    const { code, error } = await this.#send().catch((fault: unknown) => ({ code: 1, error: fault }));
    if (code !== 0 && this.#mayWarn())
      this.#options.logger.warn(
        { error: error instanceof Error ? error.name : undefined },
        'metrics could not be sent',
      );
  }
  async #send(): Promise<Parameters<Parameters<Exporter['export']>[1]>[0]> {
    const { metrics, service, version } = this.#options;
    const all = (await metrics.registry.getMetricsAsJSON()) as unknown as readonly PromMetric[];
    const content = {
      resource: resourceFromAttributes(resourceOf(service, this.#options)),
      scopeMetrics: [
        { scope: { name: 'provider-access', version }, metrics: toMetricData(all, this.#since, Date.now()) },
      ],
    };
    return new Promise((resolve) => this.#exporter.export(content, resolve));
  }
  /** Sends once more. */
  async close(): Promise<void> {
    clearInterval(this.#timer);
    await this.flush();
    await this.#exporter.shutdown();
  }
}

/** OTLP over HTTP in protobuf, as the spans: the published exporter would bring the same base in another version. */
const otlpExporter = ({ endpoint, headers }: Sender): Exporter =>
  createOtlpHttpExportDelegate(
    convertLegacyHttpOptions(otlpConfig(endpoint, 'metrics', headers), 'METRICS', 'v1/metrics', {
      'Content-Type': 'application/x-protobuf',
    }),
    ProtobufMetricsSerializer,
    'otlp_http_metric_exporter',
    MetricsExporterMetricsHelper,
    undefined,
  );
