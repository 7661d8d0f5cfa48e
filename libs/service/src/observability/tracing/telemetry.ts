import { randomUUID } from 'node:crypto';
import { within } from '@provider-access/kernel';
import { TraceScopes } from './scopes.ts';
import { Tracing } from './tracing.ts';
import type { SpanSource, TelemetryOptions } from './span-source.ts';

/** What sends metrics. */
export type Sending = Pick<SpanSource, 'close'>;

/** Tracing of a process. Without a source nothing is recorded, and log lines still carry ids that join them. */
export class Telemetry {
  readonly scopes: TraceScopes;
  readonly #spans: SpanSource | undefined;
  readonly #metrics: Sending | undefined;

  constructor(scopes: TraceScopes = new TraceScopes(), spans?: SpanSource, metrics?: Sending) {
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
  if (options.endpoint === undefined) return new Telemetry(scopes);
  const { Spans } = await import('./spans.ts');
  const { endpoint, measured, metricIntervalMs: intervalMs = 60_000 } = options;
  const instance = randomUUID();
  const spans = new Spans({ ...options, instance });
  if (measured?.metrics.enabled !== true) return new Telemetry(scopes, spans);
  const { MetricsExport } = await import('../otlp/metrics-export.ts');
  return new Telemetry(scopes, spans, new MetricsExport({ ...options, ...measured, endpoint, instance, intervalMs }));
}
