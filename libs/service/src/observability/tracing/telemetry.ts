import { randomUUID } from 'node:crypto';
import { within } from '@provider-access/kernel';
import type { Metrics } from '../metrics.ts';
import type { Sender } from '../otlp/connection.ts';
import type { MetricsExport } from '../otlp/metrics-export.ts';
import { TraceScopes } from './scopes.ts';
import type { Spans } from './spans.ts';
import { Tracing } from './tracing.ts';

/** Where spans and metrics go, as `libs/service/src/config` reads it from the environment. */
export interface TelemetryOptions extends Omit<Sender, 'endpoint' | 'instance'> {
  /** Of an OTLP collector; undefined: no spans are made, and no metrics are sent. */
  readonly endpoint: string | undefined;
  /** Share of the traces that begin here. */
  readonly ratio: number;
  /** The metrics of this process, and the service under whose name the process sends them. */
  readonly measured: { readonly metrics: Metrics; readonly service: string };
  /** Between two sendings of metrics, ms. */
  readonly metricIntervalMs: number;
}

/** Tracing of a process. Without spans nothing is recorded, and log lines still carry ids that join them. */
export class Telemetry {
  readonly scopes: TraceScopes;
  readonly #spans: Spans | undefined;
  readonly #metrics: MetricsExport | undefined;

  constructor(scopes: TraceScopes = new TraceScopes(), spans?: Spans, metrics?: MetricsExport) {
    this.scopes = scopes;
    this.#spans = spans;
    this.#metrics = metrics;
  }
  /** The tracing of one service of this process: a resource of its own. */
  tracing(service: string): Tracing {
    return new Tracing(this.scopes, this.#spans?.tracer(service), this.#spans?.ratio);
  }
  /** Sends what waits, as long as that takes no longer than `withinMs`. */
  async close(withinMs: number): Promise<void> {
    if (this.#spans === undefined) return;
    const closed = Promise.allSettled([this.#spans.close(), this.#metrics?.close()]);
    await within(
      withinMs,
      () => closed,
      () => undefined,
    );
  }
}

/** Loads the SDK where spans are sent; elsewhere it costs no memory and no time. */
export async function openTelemetry(options: TelemetryOptions, scopes: TraceScopes): Promise<Telemetry> {
  const { endpoint, measured, metricIntervalMs: intervalMs } = options;
  if (endpoint === undefined) return new Telemetry(scopes);
  const { Spans } = await import('./spans.ts');
  const sender = { ...options, endpoint, instance: randomUUID() };
  const spans = new Spans(sender);
  if (!measured.metrics.enabled) return new Telemetry(scopes, spans);
  const { MetricsExport } = await import('../otlp/metrics-export.ts');
  return new Telemetry(scopes, spans, new MetricsExport({ ...sender, ...measured, intervalMs }));
}
