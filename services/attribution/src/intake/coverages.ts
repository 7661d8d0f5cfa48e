import type { LogRecord } from '@provider-access/eventlog';
import type { Inbound } from '@provider-access/intake';
import { isResource } from '../domain/decide-member-event.ts';

const valueOf = ({ value }: LogRecord): Buffer => Buffer.from(value.buffer, value.byteOffset, value.byteLength);

/**
 * Whether the bytes of a resource event may say that it is about a Coverage, without parsing them. JSON writes the word as it is or
 * with `\u` escapes, and in no other way.
 */
export const looksLikeCoverage = (record: LogRecord): boolean => {
  const value = valueOf(record);
  return value.includes('"Coverage"') || value.includes('\\u');
};

/** Whether a resource event that is at fault is, or may be, about a Coverage: it might have ended access. */
export function refusesCoverage(record: LogRecord, { type, event }: Inbound): boolean {
  if (type === undefined || !isResource(type)) return false;
  // Of what cannot be decoded only the bytes can say it.
  if (event === undefined) return /"resourceType"\s*:\s*"Coverage"/.test(valueOf(record).toString('utf8'));
  const data = event.data as { resourceType?: unknown; resource?: { resourceType?: unknown } } | null;
  return data?.resourceType === 'Coverage' || data?.resource?.resourceType === 'Coverage';
}
