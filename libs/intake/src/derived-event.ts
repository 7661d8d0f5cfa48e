import { createHash } from 'node:crypto';
import { encodeEvent } from '@provider-access/events';
import type { NewRecord } from '@provider-access/engines/log';

/** The payer's event from which one of our events derives. */
export interface Cause {
  readonly id: string;
  readonly source: string;
  readonly traceparent?: string | undefined;
}

/** An id that the payer's (source, id) and the subject determine, so that a redelivery derives the same event again. */
export function derivedEventId(cause: Cause, subject: string, n = 0): string {
  const hash = createHash('sha256')
    .update(JSON.stringify([cause.source, subject]))
    .digest('base64url')
    .slice(0, 10);
  return `${cause.id}~${hash}${n === 0 ? '' : `~${n}`}`;
}

/**
 * One of our events, about a member or provider (`subject`), or about a whole source (no subject). `at` is the RFC 3339
 * instant of the append of the payer's event, so that a redelivery gives the same event.
 */
export function derivedRecord(e: {
  deriver: string;
  type: string;
  subject?: string;
  cause: Cause;
  at: string;
  data: unknown;
  n?: number;
}): NewRecord {
  const key = e.subject ?? e.cause.source;
  return encodeEvent(
    {
      id: derivedEventId(e.cause, key, e.n),
      source: `urn:provider-access:${e.deriver}`,
      type: e.type,
      time: e.at,
      data: e.data,
      ...(e.subject !== undefined && { subject: e.subject }),
      ...(e.cause.traceparent !== undefined && { traceparent: e.cause.traceparent }),
      extensions: { pasource: e.cause.source },
    },
    { key },
  );
}
