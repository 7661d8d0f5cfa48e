/**
 * Numbers of OpenTelemetry, as its API has them. Importing them from the API would load its 51 modules, which only a
 * process that sends spans needs.
 */
export const SpanKind = { INTERNAL: 0, SERVER: 1, CLIENT: 2, PRODUCER: 3, CONSUMER: 4 } as const;
export type SpanKind = (typeof SpanKind)[keyof typeof SpanKind];
export const SpanStatusCode = { UNSET: 0, OK: 1, ERROR: 2 } as const;
export const TraceFlags = { NONE: 0, SAMPLED: 1 } as const;
