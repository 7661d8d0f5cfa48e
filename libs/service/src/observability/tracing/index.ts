export { SpanKind, type Attributes, type Span, type SpanContext } from '@opentelemetry/api';
export { formatTraceparent, newContext, parseTraceparent } from './traceparent.ts';
export { TraceScopes, type Scope } from './scopes.ts';
export { failedAs, MAX_LINKS, Tracing, type Joined } from './tracing.ts';
export { openTelemetry, Telemetry } from './telemetry.ts';
