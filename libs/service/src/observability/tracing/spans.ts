import { ROOT_CONTEXT, trace } from '@opentelemetry/api';
import { OTLPTraceExporter } from '@opentelemetry/exporter-trace-otlp-proto';
import { resourceFromAttributes } from '@opentelemetry/resources';
import {
  AlwaysOnSampler,
  BatchSpanProcessor,
  ParentBasedSampler,
  TracerProvider,
  type SpanExporter,
  type SpanProcessor,
} from '@opentelemetry/sdk-trace';
import { EXPORT_MS, onceAMinute, otlpConfig, resourceOf, type Sender } from '../otlp/connection.ts';
import { MAX_LINKS, type Tracer } from './tracing.ts';

/** The most spans that wait. This bounds the cost of a collector that is away. */
const QUEUE = 4096;
const BATCH = 512;

/** The SDK: loaded only where spans are sent. One queue and one exporter a process, however many services run in it. */
export class Spans {
  readonly #sender: Sender;
  readonly #processor: SpanProcessor;
  /** Share of the traces that begin here. */
  readonly ratio: number;

  constructor(
    sender: Sender & { readonly ratio: number },
    exporter: SpanExporter = new OTLPTraceExporter(otlpConfig(sender.endpoint, 'traces', sender.headers)),
  ) {
    this.#sender = sender;
    this.ratio = sender.ratio;
    this.#processor = new BatchSpanProcessor({
      exporter: this.#watched(exporter),
      maxQueueSize: QUEUE,
      maxExportBatchSize: BATCH,
      scheduledDelayMillis: 5000,
      exportTimeoutMillis: EXPORT_MS * 2,
    });
  }

  tracer(service: string): Tracer {
    const provider = new TracerProvider({
      // What begins is decided before the SDK is asked (`Tracing.begin`).
      sampler: new ParentBasedSampler({ root: new AlwaysOnSampler() }),
      resource: resourceFromAttributes(resourceOf(service, this.#sender)),
      spanLimits: { linkCountLimit: 4 * MAX_LINKS },
      spanProcessors: [this.#processor],
    });
    const tracer = provider.getTracer('provider-access', this.#sender.version);
    return {
      startSpan(name, options, parent) {
        const context = parent === undefined ? ROOT_CONTEXT : trace.setSpanContext(ROOT_CONTEXT, parent);
        return tracer.startSpan(name, options, context);
      },
    };
  }

  flush(): Promise<void> {
    return this.#processor.forceFlush();
  }
  close(): Promise<void> {
    return this.#processor.shutdown();
  }

  /** A collector that is away is logged once a minute. Spans that it did not get are lost. */
  #watched(exporter: SpanExporter): SpanExporter {
    const { logger } = this.#sender;
    const mayWarn = onceAMinute();
    let lost = 0;
    return {
      export: (spans, done) =>
        exporter.export(spans, ({ code: result, error }) => {
          if (result !== 0) lost += spans.length;
          if (result !== 0 && mayWarn()) {
            const code = (error as { code?: string | number } | undefined)?.code;
            const details = { spans: lost, error: error?.name, ...(code !== undefined && { code }) };
            logger.warn(details, 'spans could not be sent');
            lost = 0;
          }
          // The processor would report it once more.
          done({ code: 0 });
        }),
      shutdown: () => exporter.shutdown(),
    };
  }
}
