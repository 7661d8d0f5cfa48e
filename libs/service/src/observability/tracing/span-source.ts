import type { Tracer } from '@opentelemetry/api';
import type { Logger } from '../logger.ts';
import type { Metrics } from '../metrics.ts';

/** Where spans and metrics go, as `libs/service/src/config` reads it from the environment. */
export interface TelemetryOptions {
  /** Of an OTLP collector, without `/v1/traces`; undefined: no spans are made, and no metrics are sent. */
  readonly endpoint: string | undefined;
  readonly headers: () => Record<string, string>;
  /** Share of the traces that begin here. */
  readonly ratio: number;
  readonly resource: Readonly<Record<string, string>>;
  readonly version: string;
  readonly logger: Logger;
  /** What is measured in this process, and as whose it is sent. */
  readonly measured?: { readonly metrics: Metrics; readonly service: string };
  /** Between two sendings of metrics, ms. Default 60,000. */
  readonly metricIntervalMs?: number;
  /** How long spans wait for more, ms. Default 5000. */
  readonly delayMs?: number;
}

/** What makes and sends spans. */
export interface SpanSource {
  /** Share of the traces that begin here. */
  readonly ratio: number;
  tracer(service: string): Tracer;
  close(): Promise<void>;
}
