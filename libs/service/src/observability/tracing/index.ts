export { SpanKind, type Attributes, type Span, type SpanContext } from '@opentelemetry/api';
export { formatTraceparent, isSampled, newContext, parseTraceparent } from './traceparent.ts';
export { TraceScopes, type Scope } from './scopes.ts';
export { failed, failedAs, MAX_LINKS, Tracing, type BeginOptions, type Joined, type SpanOptions } from './tracing.ts';
export { openTelemetry, Telemetry } from './telemetry.ts';
export { type SpanSource, type TelemetryOptions } from './span-source.ts';
