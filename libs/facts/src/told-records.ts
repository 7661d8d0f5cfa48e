import type { LogRecord } from '@provider-access/eventlog';
import type { Logger } from '@provider-access/observability';
import { typeOfRecord } from './record.ts';

/** Where errors are said. */
export type ErrorLog = Pick<Logger, 'error'>;

/** Places that were said, by logger. In the standalone five services follow the same records and share a logger. */
const told = new WeakMap<ErrorLog, Set<string>>();

/**
 * Says once of each record that this process passed over it (ADR 0018). The line names its place, type and the name of
 * the error. It has no key, no data and no message of an error, because these may be protected.
 */
export function tellPassedOver(logger: ErrorLog | undefined, record: LogRecord, error: unknown): void {
  if (logger === undefined) return;
  const { topic, partition, offset } = record;
  const place = `${topic}/${partition}/${offset}`;
  const places = told.get(logger) ?? new Set();
  told.set(logger, places);
  if (places.has(place)) return;
  places.add(place);
  const name = error instanceof Error ? error.name : typeof error;
  const details = { topic, partition, offset, eventType: typeOfRecord(record), error: name };
  logger.error(
    details,
    'a record of the platform could not be read: whom it concerns is denied (runbook ProviderAccessRecordsUnreadable)',
  );
}
