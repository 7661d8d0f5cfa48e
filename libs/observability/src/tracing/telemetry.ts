import { setTimeout as delay } from 'node:timers/promises';
import type { Tracer } from '@opentelemetry/api';
import type { Logger } from '../logger.ts';
import { TraceScopes } from './scopes.ts';
import { Tracing } from './tracing.ts';

/** Where spans go, as `libs/config` reads it from the environment. */
export interface TelemetryOptions {
  /** Of an OTLP collector, without `/v1/traces`; undefined: no spans are made. */
  readonly endpoint: string | undefined;
  readonly headers: () => Record<string, string>;
  /** Share of the traces that begin here. */
  readonly ratio: number;
  readonly resource: Readonly<Record<string, string>>;
  readonly version: string;
  readonly logger: Logger;
  /** How long spans wait for more, ms. Default 5000. */
  readonly delayMs?: number;
}
/** What makes and sends spans. */
export interface SpanSource {
  tracer(service: string): Tracer;
  flush(): Promise<void>;
  close(): Promise<void>;
}

/** Tracing of a process. Without a source nothing is recorded, and log lines still say what belongs together. */
export class Telemetry {
  readonly scopes: TraceScopes;
  readonly #spans: SpanSource | undefined;

  constructor(scopes: TraceScopes = new TraceScopes(), spans?: SpanSource) {
    this.scopes = scopes;
    this.#spans = spans;
  }
  /** The tracing of one service of this process: a resource of its own. */
  tracing(service: string): Tracing {
    return new Tracing(this.scopes, this.#spans?.tracer(service));
  }
  /** Sends what waits, as long as that takes no longer than `withinMs`. */
  async close(withinMs: number): Promise<void> {
    if (this.#spans === undefined) return;
    const late = new AbortController();
    await Promise.race([this.#spans.close().catch(() => undefined), delay(withinMs, undefined, { signal: late.signal }).catch(() => undefined)]);
    late.abort();
  }
}

/** Loads the SDK where spans are sent; elsewhere it costs no memory and no time. */
export async function openTelemetry(options: TelemetryOptions, scopes: TraceScopes): Promise<Telemetry> {
  if (options.endpoint === undefined) return new Telemetry(scopes);
  const { Spans } = await import('./spans.ts');
  return new Telemetry(scopes, new Spans(options));
}
