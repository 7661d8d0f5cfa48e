export type { Attributes, Span, SpanContext } from '@opentelemetry/api';
export { SpanKind } from './codes.ts';
export { formatTraceparent, newContext, parseTraceparent } from './traceparent.ts';
export { TraceScopes, type Scope } from './scopes.ts';
export { failedAs, MAX_LINKS, Tracing, type Joined } from './tracing.ts';
export { openTelemetry, Telemetry } from './telemetry.ts';
