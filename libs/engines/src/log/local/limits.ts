import { DEFAULT_MAX_RECORD_BYTES, maxRecordBytes } from '@provider-access/events';

/** Bytes of a record at most, by topic, for a deployment whose inbound records have `max` at most. */
export function recordLimit(max: number = DEFAULT_MAX_RECORD_BYTES): (topic: string) => number {
  return (topic) => maxRecordBytes(topic, max);
}
