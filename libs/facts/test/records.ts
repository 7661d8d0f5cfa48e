import type { LogRecord } from '@provider-access/engines/log';

/** A record of one of our topics as a follower gets it. */
export function ours(
  topic: string,
  type: string,
  e: {
    id: string;
    subject?: string;
    data: unknown;
    offset?: number;
    source?: string;
    at?: string;
    headers?: Record<string, string>;
  },
): LogRecord {
  const at = e.at ?? '2026-01-01T00:00:00.000Z';
  return {
    topic,
    partition: 0,
    offset: e.offset ?? 0,
    key: e.subject ?? 'k',
    timestamp: Date.parse(at),
    value: Buffer.from(JSON.stringify(e.data)),
    headers: {
      ce_id: e.id,
      ce_type: type,
      ce_source: 'urn:test',
      ce_time: at,
      ...(e.subject !== undefined && { ce_subject: e.subject }),
      ...(e.source !== undefined && { ce_pasource: e.source }),
      ...e.headers,
    },
  };
}
