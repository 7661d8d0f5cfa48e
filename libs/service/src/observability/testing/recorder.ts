import { InMemorySpanExporter, type ReadableSpan } from '@opentelemetry/sdk-trace';
import { silentLogger } from '../logger.ts';
import { TraceScopes } from '../tracing/scopes.ts';
import { Spans } from '../tracing/spans.ts';
import { Telemetry } from '../tracing/telemetry.ts';

export type { ReadableSpan } from '@opentelemetry/sdk-trace';

/** Telemetry that keeps its spans in memory: for tests. `ratio`: share of the traces that begin there. */
export function recordSpans(ratio = 1): {
  readonly telemetry: Telemetry;
  finished(): Promise<readonly ReadableSpan[]>;
} {
  const exporter = new InMemorySpanExporter();
  const spans = new Spans(
    {
      endpoint: '',
      headers: () => ({}),
      resource: { 'deployment.environment.name': 'test' },
      version: '1',
      instance: 'test',
      logger: silentLogger,
      ratio,
    },
    exporter,
  );
  return {
    telemetry: new Telemetry(new TraceScopes(), spans),
    async finished() {
      await spans.flush();
      return exporter.getFinishedSpans();
    },
  };
}
