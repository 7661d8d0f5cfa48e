import { randomUUID } from 'node:crypto';
import type { Tracer } from '@opentelemetry/api';
import { OTLPTraceExporter } from '@opentelemetry/exporter-trace-otlp-proto';
import { resourceFromAttributes } from '@opentelemetry/resources';
import {
  AlwaysOnSampler,
  BatchSpanProcessor,
  ParentBasedSampler,
  TracerProvider,
  type ReadableSpan,
  type SpanExporter,
  type SpanProcessor,
} from '@opentelemetry/sdk-trace';
import { EXPORT_MS, otlpConfig, resourceOf } from '../otlp/connection.ts';
import type { SpanSource, TelemetryOptions } from './span-source.ts';
import { MAX_LINKS } from './tracing.ts';

/** The most spans that wait. This bounds the cost of a collector that is away. */
const QUEUE = 4096;
const BATCH = 512;
const TELL_EVERY_MS = 60_000;

/** The SDK: loaded only where spans are sent. One queue and one exporter a process, however many services run in it. */
export class Spans implements SpanSource {
  readonly #options: TelemetryOptions & { readonly instance: string };
  readonly #processor: SpanProcessor;
  readonly ratio: number;
  #lost = 0;
  #warnedAt = -Infinity;

  constructor(
    options: TelemetryOptions & { readonly instance?: string },
    exporter: SpanExporter = new OTLPTraceExporter(otlpConfig(options.endpoint!, 'traces', options.headers)),
  ) {
    this.#options = { instance: randomUUID(), ...options };
    this.ratio = options.ratio;
    this.#processor = new BatchSpanProcessor({
      exporter: this.#watched(exporter),
      maxQueueSize: QUEUE,
      maxExportBatchSize: BATCH,
      scheduledDelayMillis: options.delayMs ?? 5000,
      exportTimeoutMillis: EXPORT_MS * 2,
    });
  }

  tracer(service: string): Tracer {
    const { version } = this.#options;
    const provider = new TracerProvider({
      // What begins is decided before the SDK is asked (`Tracing.begin`).
      sampler: new ParentBasedSampler({ root: new AlwaysOnSampler() }),
      resource: resourceFromAttributes(resourceOf(service, this.#options)),
      spanLimits: { linkCountLimit: 4 * MAX_LINKS },
      spanProcessors: [this.#processor],
    });
    return provider.getTracer('provider-access', version);
  }

  flush(): Promise<void> {
    return this.#processor.forceFlush();
  }
  close(): Promise<void> {
    return this.#processor.shutdown();
  }

  /** A collector that is away is logged once a minute. Spans that it did not get are lost. */
  #watched(exporter: SpanExporter): SpanExporter {
    return {
      export: (spans: ReadableSpan[], done) =>
        exporter.export(spans, (result) => {
          if (result.code !== 0) this.#tell(spans.length, result.error);
          // The processor would report it once more.
          done({ code: 0 });
        }),
      shutdown: () => exporter.shutdown(),
      ...(exporter.forceFlush !== undefined && { forceFlush: () => exporter.forceFlush!() }),
    };
  }
  #tell(spans: number, error: Error | undefined): void {
    this.#lost += spans;
    const now = performance.now();
    if (now - this.#warnedAt < TELL_EVERY_MS) return;
    this.#warnedAt = now;
    const code = (error as { code?: string | number } | undefined)?.code;
    this.#options.logger.warn(
      { spans: this.#lost, error: error?.name, ...(code !== undefined && { code }) },
      'spans could not be sent',
    );
    this.#lost = 0;
  }
}
