import { randomFillSync } from 'node:crypto';
import { TraceFlags, type SpanContext } from '@opentelemetry/api';

/** W3C trace context, version 00: https://www.w3.org/TR/trace-context/#traceparent-header */
const TRACEPARENT = /^00-([0-9a-f]{32})-([0-9a-f]{16})-([0-9a-f]{2})$/;
const NO_TRACE = '0'.repeat(32);
const NO_SPAN = '0'.repeat(16);

/** Reads a header; undefined when it is not one that we understand. Anything else in it is ignored. */
export function parseTraceparent(header: unknown): SpanContext | undefined {
  if (typeof header !== 'string' || header.length !== 55) return undefined;
  const match = TRACEPARENT.exec(header);
  if (match === null || match[1] === NO_TRACE || match[2] === NO_SPAN) return undefined;
  return {
    traceId: match[1]!,
    spanId: match[2]!,
    traceFlags: Number.parseInt(match[3]!, 16) & TraceFlags.SAMPLED,
    isRemote: true,
  };
}

export const formatTraceparent = ({ traceId, spanId, traceFlags }: SpanContext): string =>
  `00-${traceId}-${spanId}-${(traceFlags & TraceFlags.SAMPLED) === 0 ? '00' : '01'}`;

export const isSampled = (context: SpanContext | undefined): context is SpanContext =>
  context !== undefined && (context.traceFlags & TraceFlags.SAMPLED) !== 0;

const pool = Buffer.alloc(24 * 128);
let at = pool.length;
/** A context that is not recorded: it joins log lines. */
export function newContext(): SpanContext {
  if (at >= pool.length) {
    randomFillSync(pool);
    at = 0;
  }
  const context = {
    traceId: pool.toString('hex', at, at + 16),
    spanId: pool.toString('hex', at + 16, at + 24),
    traceFlags: TraceFlags.NONE,
  };
  at += 24;
  return context;
}
