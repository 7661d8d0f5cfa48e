import { OTLPExporterBase } from '@opentelemetry/otlp-exporter-base';
import { convertLegacyHttpOptions, createOtlpHttpExportDelegate } from '@opentelemetry/otlp-exporter-base/node-http';
import { MetricsExporterMetricsHelper, ProtobufMetricsSerializer } from '@opentelemetry/otlp-transformer';
import { resourceFromAttributes } from '@opentelemetry/resources';
import {
  AggregationTemporality,
  MeterProvider,
  PeriodicExportingMetricReader,
  type MetricProducer,
  type PushMetricExporter,
  type ResourceMetrics,
} from '@opentelemetry/sdk-metrics';
import type { Logger } from '../logger.ts';
import type { Metrics } from '../metrics.ts';
import { EXPORT_MS, otlpConfig, resourceOf } from './connection.ts';
import { toMetricData, type PromMetric } from './metric-data.ts';

export interface MetricsExportOptions {
  readonly metrics: Metrics;
  readonly service: string;
  readonly endpoint: string;
  readonly headers: () => Record<string, string>;
  readonly resource: Readonly<Record<string, string>>;
  readonly version: string;
  readonly instance: string;
  readonly intervalMs: number;
  readonly logger: Logger;
}
const TELL_EVERY_MS = 60_000;

/**
 * Sends the content of `/metrics` to a collector at an interval and at the end. Loaded only if a collector is
 * configured.
 */
export class MetricsExport {
  readonly #provider: MeterProvider;

  constructor(options: MetricsExportOptions, given: PushMetricExporter = new OtlpMetricExporter(options)) {
    const { metrics, intervalMs, service } = options;
    const exporter = watched(given, options.logger);
    const resource = resourceFromAttributes(resourceOf(service, options));
    const since = Date.now();
    const scope = { name: 'provider-access', version: options.version };
    const producer: MetricProducer = {
      collect: async () => {
        const all = (await metrics.registry.getMetricsAsJSON()) as unknown as readonly PromMetric[];
        return {
          resourceMetrics: { resource, scopeMetrics: [{ scope, metrics: toMetricData(all, since, Date.now()) }] },
          errors: [],
        };
      },
    };
    const reader = new PeriodicExportingMetricReader({
      exporter,
      exportIntervalMillis: intervalMs,
      exportTimeoutMillis: Math.min(intervalMs, EXPORT_MS),
      metricProducers: [producer],
    });
    this.#provider = new MeterProvider({ resource, readers: [reader] });
  }
  flush(): Promise<void> {
    return this.#provider.forceFlush();
  }
  /** Sends once more. */
  close(): Promise<void> {
    return this.#provider.shutdown();
  }
}

/** OTLP over HTTP in protobuf, as the spans: the published exporter would bring the same base in another version. */
class OtlpMetricExporter extends OTLPExporterBase<ResourceMetrics> implements PushMetricExporter {
  constructor({ endpoint, headers }: Pick<MetricsExportOptions, 'endpoint' | 'headers'>) {
    const config = otlpConfig(endpoint, 'metrics', headers);
    super(
      createOtlpHttpExportDelegate(
        convertLegacyHttpOptions(config, 'METRICS', 'v1/metrics', { 'Content-Type': 'application/x-protobuf' }),
        ProtobufMetricsSerializer,
        'otlp_http_metric_exporter',
        MetricsExporterMetricsHelper,
        undefined,
      ),
    );
  }
  selectAggregationTemporality(): AggregationTemporality {
    return AggregationTemporality.CUMULATIVE;
  }
}

/** A collector that is away is logged once a minute. Cumulative values come with the next export. */
function watched(exporter: PushMetricExporter, logger: Logger): PushMetricExporter {
  let warnedAt = Number.NEGATIVE_INFINITY;
  return {
    selectAggregationTemporality: () => AggregationTemporality.CUMULATIVE,
    export: (metrics, done) =>
      exporter.export(metrics, ({ code, error }) => {
        if (code !== 0 && performance.now() - warnedAt >= TELL_EVERY_MS) {
          warnedAt = performance.now();
          logger.warn({ error: error?.name }, 'metrics could not be sent');
        }
        // The reader would report it once more.
        done({ code: 0 });
      }),
    forceFlush: () => exporter.forceFlush(),
    shutdown: () => exporter.shutdown(),
  };
}
