import { randomFillSync } from 'node:crypto';
import type { SpanContext } from '@opentelemetry/api';
import { TraceFlags } from './codes.ts';

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
function randomIds(): string {
  if (at >= pool.length) {
    randomFillSync(pool);
    at = 0;
  }
  const ids = pool.toString('hex', at, at + 24);
  at += 24;
  return ids;
}

/** Makes its ids when somebody asks for them. Most requests write no line, and then nobody does. */
class UnrecordedContext implements SpanContext {
  readonly traceFlags = TraceFlags.NONE;
  #ids: string | undefined;

  get traceId(): string {
    return (this.#ids ??= randomIds()).slice(0, 32);
  }
  get spanId(): string {
    return (this.#ids ??= randomIds()).slice(32);
  }
}
/** A context that is not recorded: it joins log lines. */
export const newContext = (): SpanContext => new UnrecordedContext();
